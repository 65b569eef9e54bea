import Foundation
import Testing
import UsherEvidence
import UsherTicket

/// One entry of Tests/Vectors/receipts.json: the lines of a file, and what a verifier says of them.
struct ReceiptVector: Codable, Equatable {
    var name: String
    var lines: [String]
    /// The code of the refusal; nil for a file that verifies.
    var error: String?
    /// Things left according to the last record.
    var left: Int?

    init(_ name: String, _ lines: [String], _ key: PublicKey) {
        self.name = name
        self.lines = lines
        do {
            left = try VerifiedReceipt(Array((lines.joined(separator: "\n") + "\n").utf8), key: key).leftCount
        } catch {
            self.error = error.code.rawValue
        }
    }
}

@Suite struct ReceiptTests {
    @Test func whatIsSignedIsReadAgainAndVerified() throws {
        let key = try Fixture.key()
        let receipt = Fixture.receipt(Fixture.steps)
        let record = try SignedRecord(.receipt(receipt), key: key)
        let read = try SignedRecord(parsing: record.text.utf8)
        #expect(read == record && read.unverifiedContent == .receipt(receipt))
        #expect(read.isSigned(by: key.publicKey))
        let verified = try VerifiedReceipt(Array(record.text.utf8), key: key.publicKey)
        #expect(verified.receipt == receipt && verified.leftCount == 2 && verified.supplements.isEmpty)
    }

    @Test func optionalFactsMayBeAbsent() throws {
        var receipt = Fixture.receipt([])
        receipt.endedAt = nil
        receipt.session.actor = nil
        receipt.session.owner = nil
        receipt.session.approval = nil
        receipt.session.change = nil
        receipt.session.remoteHost = nil
        let record = try SignedRecord(.receipt(receipt), key: Fixture.key())
        let read = try SignedRecord(parsing: record.text.utf8)
        #expect(read.unverifiedContent == .receipt(receipt))
    }

    @Test func noBitOfAReceiptCanBeChanged() throws {
        let key = try Fixture.key()
        let bytes = Array(try SignedRecord(.receipt(Fixture.receipt(Fixture.steps)), key: key).text.utf8)
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= UInt8(1 << (index % 7))
            #expect(throws: RecordError.self, "byte \(index)") {
                _ = try VerifiedReceipt(changed, key: key.publicKey)
            }
        }
        for length in [0, 1, bytes.count / 2, bytes.count - 1] {
            #expect(throws: RecordError.self) { _ = try VerifiedReceipt(Array(bytes[..<length]), key: key.publicKey) }
        }
    }

    @Test func aReceiptIsBoundedWhateverASessionLeft() throws {
        let name = String(repeating: "\"\\", count: 400)
        let many = (0..<10_000).map { Finding(kind: "file", what: "/tmp/\($0)/\(name)") }
        let steps = TeardownStep.Name.allCases.map { TeardownStep(name: $0, removed: many, left: many) }
        let receipt = Fixture.receipt(steps)
        #expect(receipt.leftCount == steps.count * 10_000)
        #expect(receipt.steps.allSatisfy { $0.removed.total == 10_000 && $0.left.total == 10_000 })
        let record = try SignedRecord(.receipt(receipt), key: Fixture.key())
        #expect(record.text.utf8.count <= ReceiptLimits.recordBytes)
        let read = try SignedRecord(parsing: record.text.utf8)
        #expect(read.unverifiedContent == .receipt(receipt))
    }

    @Test func namesCannotHideBehindControlCharacters() throws {
        let list = FindingList([Finding(kind: "file", what: "/tmp/\u{1B}[2Jx\n\u{9B}y"), Finding(kind: "f", what: "é")])
        #expect(list.findings.map(\.what) == ["/tmp/?[2Jx??y", "é"])
        let long = FindingList([Finding(kind: "file", what: String(repeating: "é", count: 200))])
        #expect(long.findings.first?.what.utf8.count == 256)
    }

    @Test func everyVectorIsVerifiedOrRefusedAsItWas() throws {
        let key = try Fixture.key().publicKey
        let built = try Self.vectors()
        #expect(Set(built.map(\.name)).count == built.count)
        let stored = try Golden.load("receipts.json", rewritingWith: built)
        #expect(stored == built)
        for vector in stored { #expect(ReceiptVector(vector.name, vector.lines, key) == vector, "\(vector.name)") }
        // Every refusal has a vector.
        let seen = Set(stored.compactMap(\.error))
        #expect(seen == Set(RecordError.Code.allCases.map(\.rawValue)).subtracting(["tooLong"]))
    }

    static func vectors() throws -> [ReceiptVector] {
        let key = try Fixture.key()
        let receipt = try SignedRecord(.receipt(Fixture.receipt(Fixture.steps)), key: key)
        let clean = try SignedRecord(.receipt(Fixture.receipt([TeardownStep(name: .processes)])), key: key)
        let found = try SignedRecord(.supplement(Fixture.supplement(1, after: receipt)), key: key)
        let adopted = try SignedRecord(.supplement(Fixture.supplement(2, after: found, left: 0)), key: key)
        var foreign = Fixture.supplement(1, after: receipt)
        foreign.session = "s-bbbbbbbbbbbbbbbb"
        let parts = receipt.text.split(separator: ".").map(String.init)
        let payload = String(decoding: receipt.payload, as: UTF8.self)
        func signed(_ header: String, _ payload: String) throws -> String {
            let input = [header, payload].map { Base64URL.encode(Array($0.utf8)) }.joined(separator: ".")
            return input + "." + Base64URL.encode(try key.signature(over: Array(input.utf8)))
        }
        let header = #"{"alg":"EdDSA","typ":"usher-receipt+jwt","kid":"\#(key.publicKey.keyID)"}"#
        let cases: [(String, [String])] = try [
            ("with everything", [receipt.text]), ("nothing left", [clean.text]),
            ("with a supplement", [receipt.text, found.text]),
            ("with two supplements", [receipt.text, found.text, adopted.text]),
            ("a supplement left out", [receipt.text, adopted.text]),
            ("supplements swapped", [receipt.text, adopted.text, found.text]),
            ("a supplement alone", [found.text]), ("two receipts", [receipt.text, clean.text]),
            ("a supplement of another receipt", [clean.text, found.text]),
            ("a supplement of another session", [receipt.text, SignedRecord(.supplement(foreign), key: key).text]),
            ("signed by another key", [SignedRecord(.receipt(Fixture.receipt([])), key: Fixture.key(8)).text]),
            (
                "the payload of another",
                [[parts[0], clean.text.split(separator: ".").map(String.init)[1], parts[2]].joined(separator: ".")]
            ),
            ("a ticket's type", [signed(header.replacing("usher-receipt", with: "usher-ticket"), payload)]),
            (
                "a supplement's type",
                [signed(header.replacing("usher-receipt", with: "usher-receipt-supplement"), payload)]
            ),
            ("no algorithm", [signed(header.replacing("EdDSA", with: "none"), payload)]),
            (
                "one more member in the header",
                [signed(header.replacing(#","kid""#, with: #","crit":"b64","kid""#), payload)]
            ),
            ("an unknown member", [signed(header, payload.replacing(#""version":1"#, with: #""version":1,"more":1"#))]),
            ("another version", [signed(header, payload.replacing(#""version":1"#, with: #""version":2"#))]),
            ("a sum that is wrong", [signed(header, payload.replacing(#""left":2}"#, with: #""left":0}"#))]),
            ("an unknown step", [signed(header, payload.replacing(#""name":"freeze""#, with: #""name":"thaw""#))]),
            ("a negative count", [signed(header, payload.replacing(#""count":1}"#, with: #""count":-1}"#))]),
            ("not JSON", [signed(header, payload + " x")]), ("a list", [signed(header, "[]")]),
            ("nothing", [""]), ("two parts", [parts[0] + "." + parts[1]]),
            ("padded", [receipt.text + "="]), ("a short signature", [parts[0] + "." + parts[1] + ".AAAA"]),
            ("an empty line in between", [receipt.text, "", found.text]),
        ]
        return cases.map { ReceiptVector($0.0, $0.1, key.publicKey) }
    }
}
