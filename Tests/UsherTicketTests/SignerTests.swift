import Testing
import UsherWire

@testable import UsherTicket

@Suite struct SignerTests {
    @Test func whatItSignsTheParserReadsBackUnchanged() throws {
        let claims = try TicketCases.fullAgentClaims(subjectLength: 20)
        let key = try Fixture.key()
        let ticket = try TicketParser.parse(Array(TicketSigner.sign(claims, with: key).utf8))
        #expect(ticket.unverifiedClaims == claims)
        #expect(ticket.verify(with: key.publicKey))
        #expect(!ticket.verify(with: try Fixture.otherKey().publicKey))
    }

    @Test func theFullestAgentTicketUsesAllButTheLastBytesOfTheLimit() throws {
        let fullest = try #require(TicketCases.lengths().first)
        // A byte of payload is one or two characters of base64url.
        #expect((Limits.ticketBytes - 2...Limits.ticketBytes).contains(fullest.bytes.count))
    }

    @Test func aTicketThatIsTooLongIsRefusedWithTheClaimsToShorten() throws {
        var claims = try TicketCases.fullAgentClaims(subjectLength: 100)
        claims.command = String(repeating: "c", count: 300)
        #expect { try TicketSigner.sign(claims, with: try Fixture.key()) } throws: { error in
            guard let error = error as? TicketError else { return false }
            return error.code == .tooLong
                && error.detail.contains("at most 1000: shorten cmd (413 bytes), sub (154 bytes)")
        }
    }

    @Test func aTicketForSudoHasTheShorterLimit() throws {
        var claims = try Fixture.claims()
        claims.services = ["sshd", "sudo"]
        claims.target = "root"
        claims.subject = "human:" + String(repeating: "a", count: 128)
        #expect { try TicketSigner.sign(claims, with: try Fixture.key()) } throws: {
            ($0 as? TicketError)?.detail.contains("at most 500: shorten sub") == true
        }
    }

    @Test func claimsThatTheParserWouldRefuseAreNotSigned() throws {
        let key = try Fixture.key()
        let breakers: [(inout Claims) -> Void] = [
            { $0.role = nil }, { $0.subject = nil }, { $0.subject = "agent:a" }, { $0.account = "" },
            { $0.account = "a b" }, { $0.expiresAt = $0.issuedAt }, { $0.expiresAt += 3600 }, { $0.audience = "web1" },
            { $0.ticketID = "1" }, { $0.use = .stepup }, { $0.session = "s-abcdefghij234567" }, { $0.services = [] },
            { $0.target = "root" }, { $0.command = "a\nb" }, { $0.maximumDuration = 0 }, { $0.issuedAt = .min },
            { $0.expiresAt = .max }, { $0.issuer = "é" }, { $0.notBefore = 0 },
            { $0.extensions.members = [JSONObject.Member(name: Array("sub".utf8), value: .null)] },
            { claims in
                let member = JSONObject.Member(name: Array("x_a".utf8), value: .null)
                claims.extensions.members = [member, member]
            },
            { $0.extensions.members = [JSONObject.Member(name: Array("x_a".utf8), value: .string([0xFF]))] },
        ]
        for (index, breaker) in breakers.enumerated() {
            var claims = try Fixture.claims()
            breaker(&claims)
            #expect(throws: TicketError.self, "breaker \(index)") { try TicketSigner.sign(claims, with: key) }
        }
    }

    @Test func aKeyThatTheClaimsDoNotNameDoesNotSign() throws {
        #expect { try TicketSigner.sign(Fixture.claims(), with: Fixture.otherKey()) } throws: {
            ($0 as? TicketError)?.code == .keyMismatch
        }
    }

    @Test func ticketIDsAre128BitsOfTheGivenRandomness() throws {
        var first = SeededGenerator(state: 5)
        var second = SeededGenerator(state: 5)
        let identifiers = (0..<1000).map { _ in TicketSigner.ticketID(using: &first) }
        #expect(Set(identifiers).count == 1000)
        #expect(identifiers.allSatisfy { Base64URL.decode(Array($0.utf8))?.count == 16 })
        #expect(identifiers[0] == TicketSigner.ticketID(using: &second))
    }

    @Test func nothingThatPrintsATicketPrintsTheTicket() throws {
        let ticket = try TicketParser.parse(Draft().ticket())
        var dumped = ""
        dump(ticket, to: &dumped)
        for text in ["\(ticket)", String(reflecting: ticket), dumped] {
            #expect(!text.contains(Fixture.ticketID) && !text.contains("signingInput"))
        }
    }
}
