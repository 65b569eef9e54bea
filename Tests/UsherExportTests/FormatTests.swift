import Testing
import UsherEvidence
import UsherWire

@testable import UsherExport

/// Lines as the agent writes them.
enum Sample {
    static func line(
        severity: EvidenceRecord.Severity = .informational, message: String = "anna ran ls", session: String? = "s-1",
        kind: String = "exec", details: [(String, String)] = []
    ) throws -> ExportLine {
        var chain = EvidenceChain(host: "h-1")
        let members = details.map { JSONObject.Member(name: Array($0.utf8), value: .string(Array($1.utf8))) }
        let record = EvidenceRecord(
            milliseconds: 1_763_740_800_007, category: .processActivity, activity: 1, severity: severity,
            message: message, session: session, attribution: .kernel, kind: kind,
            details: JSONObject(members: members))
        return try ExportLine(parsing: chain.append(record))
    }
}

@Suite struct SyslogFormatTests {
    @Test func aMessageIsTheHeaderOfRFC5424AndTheLineByteForByte() throws {
        let line = try Sample.line(severity: .high)
        let origin = "[origin software=\"usher\" swVersion=\"0.1.0\"]"
        let header = "<83>1 2025-11-21T16:00:00.007Z db1 usher s-1 exec \(origin) "
        #expect(SyslogMessage.encode(line, host: Array("db1".utf8)) == Array(header.utf8) + line.bytes)
    }

    @Test func aFrameBeginsWithTheNumberOfBytesThatFollow() throws {
        let line = try Sample.line(message: "äöü")
        let message = SyslogMessage.encode(line, host: Array("db1".utf8))
        #expect(SyslogMessage.frame(line, host: Array("db1".utf8)) == Array("\(message.count) ".utf8) + message)
    }

    @Test func severitiesAreThoseOfTable2() {
        #expect(EvidenceRecord.Severity.allCases.map(SyslogMessage.severity) == [6, 5, 4, 3, 2])
    }

    @Test func headerFieldsArePrintableBoundedAndNeverEmpty() throws {
        let line = try Sample.line(session: nil, kind: String(repeating: "k", count: 40))
        let host = Array("a b\u{7}c".utf8) + [UInt8](repeating: 0x78, count: 300)
        let text = String(decoding: SyslogMessage.encode(line, host: host), as: UTF8.self)
        let fields = text.split(separator: " ", maxSplits: 6)
        #expect(fields[2] == "abc" + String(repeating: "x", count: 252))
        #expect(fields[4] == "-")
        #expect(fields[5] == String(repeating: "k", count: 32))
        let nameless = String(decoding: SyslogMessage.encode(line, host: []), as: UTF8.self)
        #expect(nameless.split(separator: " ")[2] == "-")
    }

    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"),
        (951_782_399_999, "2000-02-28T23:59:59.999Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"), (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        (1_735_689_599_001, "2024-12-31T23:59:59.001Z"), (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        (Int64.max, "9999-12-31T23:59:59.999Z"), (Int64.min, "0000-01-01T00:00:00.000Z"),
    ])
    func timesAreThoseOfTheCalendar(milliseconds: Int64, text: String) {
        #expect(Timestamp.text(milliseconds: milliseconds) == text)
    }
}

@Suite struct JournalFormatTests {
    @Test func fieldsAreOneALine() throws {
        let line = try Sample.line(details: [("subject", "human:anna"), ("role", "dba"), ("other", "x")])
        let fields = String(decoding: JournalEntry.encode(line), as: UTF8.self).split(separator: "\n").map(String.init)
        #expect(fields.contains("MESSAGE=anna ran ls"))
        #expect(fields.contains("PRIORITY=6"))
        #expect(fields.contains("USHER_SUBJECT=human:anna"))
        #expect(fields.contains("USHER_ROLE=dba"))
        #expect(fields.contains("USHER_SESSION=s-1"))
        #expect(fields.last == "USHER_LINE=" + String(decoding: line.bytes, as: UTF8.self))
        #expect(!fields.contains { $0.hasPrefix("USHER_OTHER") || $0.hasPrefix("USHER_TICKET") })
    }

    @Test func aValueWithALineFeedCannotForgeAnotherField() throws {
        let line = try Sample.line(message: "ls\nPRIORITY=0", details: [("subject", "x\nUSHER_ROLE=admin")])
        let bytes = JournalEntry.encode(line)
        let message = Array("MESSAGE\n".utf8) + [13, 0, 0, 0, 0, 0, 0, 0] + Array("ls\nPRIORITY=0\n".utf8)
        #expect(bytes.starts(with: message))
        let subject = Array("USHER_SUBJECT\n".utf8) + [18, 0, 0, 0, 0, 0, 0, 0] + Array("x\nUSHER_ROLE=admin\n".utf8)
        #expect(bytes.indices.contains { bytes[$0...].starts(with: subject) })
    }
}
