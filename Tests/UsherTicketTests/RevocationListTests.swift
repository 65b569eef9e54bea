import Testing
import UsherWire

@testable import UsherTicket

/// One entry of Tests/Vectors/revocation-lists.json: a list and either the refusal or what it says.
struct RevocationListVector: Codable, Equatable {
    var name: String
    /// Absent for those that are too long to spell out; `RevocationListCases` has them.
    var list: String?
    var error: String?
    var detail: String?
    var claims: [String: String]?
    var entries: [[String: String]]?

    init(_ listCase: RevocationListCase) {
        name = listCase.name
        if listCase.bytes.count <= 4096 { list = String(decoding: listCase.bytes, as: UTF8.self) }
        do {
            let parsed = try RevocationListParser.parse(listCase.bytes).unverified
            claims = Self.fields(parsed)
            entries = list == nil ? nil : parsed.entries.map { Self.fields($0) }
        } catch {
            self.error = error.code.rawValue
            detail = error.detail
        }
    }

    static func fields(_ list: RevocationList) -> [String: String] {
        [
            "kid": list.keyID, "iss": list.issuer, "iat": String(list.issuedAt), "exp": String(list.expiresAt),
            "num": String(list.number), "entries": String(list.entries.count),
        ]
    }

    static func fields(_ entry: RevocationEntry) -> [String: String] {
        var fields = ["kind": entry.kind.rawValue, "reason": entry.reason]
        if !entry.value.isEmpty { fields["value"] = entry.value }
        if !entry.issuer.isEmpty { fields["issuer"] = entry.issuer }
        if let expiresAt = entry.expiresAt { fields["exp"] = String(expiresAt) }
        return fields
    }
}

@Suite struct RevocationListTests {
    @Test func everyCaseIsRefusedForItsReasonOrAccepted() throws {
        for each in try RevocationListCases.all() {
            let vector = RevocationListVector(each)
            #expect(vector.error == each.code?.rawValue, "\(each.name): \(vector.detail ?? "accepted")")
        }
    }

    @Test func theCheckedInVectorsAreTheCasesAndVerify() throws {
        let built = try RevocationListCases.all().map { RevocationListVector($0) }
        #expect(Set(built.map(\.name)).count == built.count, "two cases have one name")
        let stored = try Golden.load("revocation-lists.json", rewritingWith: built)
        #expect(stored == built)
        let key = try Fixture.key().publicKey
        var verified = 0
        for vector in stored {
            guard let text = vector.list, vector.error == nil else { continue }
            let list = try RevocationListParser.parse(Array(text.utf8))
            #expect(RevocationListVector.fields(list.unverified) == vector.claims, "\(vector.name)")
            #expect(list.verify(with: key), "\(vector.name)")
            #expect(!list.verify(with: try Fixture.otherKey().publicKey), "\(vector.name)")
            verified += 1
        }
        #expect(verified >= 3)
    }

    @Test func noDetailRepeatsAValueOfTheList() throws {
        for each in try RevocationListCases.all() {
            let detail = RevocationListVector(each).detail ?? ""
            for value in ["soc.example", "44Odts", "dba", "alice"] {
                #expect(!detail.contains(value), "\(each.name): \(detail)")
            }
            #expect(detail.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F } && detail.utf8.count < 200, "\(each.name)")
        }
    }

    @Test func aListIsNoTicketAndATicketNoList() throws {
        let list = try Draft.list().ticket()
        #expect { try TicketParser.parse(list) } throws: { ($0 as? TicketError)?.code == .wrongType }
    }

    @Test func whatTheSignerSignsTheParserReadsBackUnchanged() throws {
        let parsed = try RevocationListParser.parse(Draft.list(RevocationListCases.allKinds).ticket()).unverified
        let text = try RevocationListSigner.sign(parsed, with: try Fixture.key())
        let again = try RevocationListParser.parse(Array(text.utf8))
        #expect(again.unverified == parsed && parsed.entries.count == 7)
        #expect(again.verify(with: try Fixture.key().publicKey))
    }

    @Test func listsThatTheParserWouldRefuseAreNotSigned() throws {
        let good = try RevocationListParser.parse(Draft.list().ticket()).unverified
        let breakers: [(inout RevocationList) -> Void] = [
            { $0.issuer = "" }, { $0.number = 0 }, { $0.number = 1 << 53 }, { $0.expiresAt = $0.issuedAt },
            { $0.expiresAt += RevocationList.longestLifetime }, { $0.issuedAt = -1 }, { $0.expiresAt = .max },
            { $0.entries += $0.entries },
        ]
        for (index, breaker) in breakers.enumerated() {
            var list = good
            breaker(&list)
            #expect(throws: TicketError.self, "breaker \(index)") {
                try RevocationListSigner.sign(list, with: try Fixture.key())
            }
        }
        #expect { try RevocationListSigner.sign(good, with: try Fixture.otherKey()) } throws: {
            ($0 as? TicketError)?.code == .keyMismatch
        }
    }

    @Test func anyByteThatChangesMakesItUnreadableOrUnsigned() throws {
        let bytes = try Draft.list().ticket()
        let key = try Fixture.key().publicKey
        for index in bytes.indices {
            var changed = bytes
            changed[index] = changed[index] == 0x41 ? 0x42 : 0x41
            guard let list = try? RevocationListParser.parse(changed) else { continue }
            let verifies = list.verify(with: key)
            #expect(!verifies, "byte \(index)")
        }
    }
}
