internal import UsherEvidence
internal import UsherSystem

/// The raw records of a session in auditd's own log, with the secrets of programs' arguments masked.
struct AuditExcerpt {
    static let log = "/var/log/audit/audit.log"
    /// Bytes that an excerpt may have; what is beyond is left out and said.
    private static let longest = 64 << 20
    private static let pieceBytes = 262_144
    /// Seconds before the opening and after the end in which a session's number means the session.
    private static let margin: Int64 = 120

    private(set) var text: [UInt8] = []
    private(set) var records = 0
    private(set) var isCut = false

    /// - Parameters:
    ///   - number: the kernel's `ses`.
    ///   - seconds: from the session's opening to its end, since 1970-01-01 UTC.
    ///   - path: of the log; its older files are beside it, with `.1` and so on.
    init(number: Int64, seconds: ClosedRange<Int64>, mask: SecretMask, path: String = log) throws {
        let range = (seconds.lowerBound - Self.margin)...(seconds.upperBound + Self.margin)
        let files = try Self.files(path)
        let wanted = Array(" ses=\(number) ".utf8)
        let events = Collected()
        // Other records of an event than its first do not carry the number.
        for file in files {
            try Self.read(file) { line in
                guard let (second, event) = Self.event(line), range.contains(second),
                    (line + [0x20]).contains(bytes: wanted)
                else { return }
                events.names.insert(event)
            }
        }
        for file in files {
            try Self.read(file) { line in
                guard let (second, event) = Self.event(line), range.contains(second), events.names.contains(event)
                else { return }
                guard events.text.count + line.count < Self.longest else {
                    events.isCut = true
                    return
                }
                events.count += 1
                events.text += mask.masked(record: line).line
                events.text.append(UInt8(ascii: "\n"))
            }
        }
        (text, records, isCut) = (events.text, events.count, events.isCut)
    }

    private final class Collected {
        var names: Set<[UInt8]> = []
        var text: [UInt8] = []
        var count = 0
        var isCut = false
    }

    /// The oldest first.
    private static func files(_ path: String) throws -> [String] {
        var files = [path]
        var number = 1
        while try Files.status("\(path).\(number)") != nil {
            files.insert("\(path).\(number)", at: 0)
            number += 1
        }
        return files
    }

    private static func read(_ path: String, _ body: ([UInt8]) throws -> Void) throws {
        let file = try SequentialFile(path)
        var splitter = LineSplitter()
        while true {
            let bytes = try file.next(pieceBytes)
            if bytes.isEmpty { return }
            try splitter.take(bytes) { piece in
                if case .line(let line) = piece { try body(line) }
            }
        }
    }

    /// Second and identity of `msg=audit(1364481363.243:24287):`.
    private static func event(_ line: [UInt8]) -> (Int64, [UInt8])? {
        guard let start = line.prefix(200).firstIndex(of: UInt8(ascii: "(")),
            let end = line[start...].prefix(64).firstIndex(of: UInt8(ascii: ")"))
        else { return nil }
        let name = line[(start + 1)..<end]
        guard let second = Int64(String(decoding: name.prefix { $0 != UInt8(ascii: ".") }, as: UTF8.self)) else {
            return nil
        }
        return (second, Array(name))
    }
}
