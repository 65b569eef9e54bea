import Testing
import UsherWire

@testable import UsherTicket

/// One entry of Tests/Vectors/tickets.json: a ticket in hexadecimal, for it may be no text, and either the
/// refusal or the claims.
struct TicketVector: Codable, Equatable {
    var name: String
    /// As text where it is ASCII; `hex` otherwise.
    var ticket: String?
    var hex: String?
    var error: String?
    var detail: String?
    var claims: [String: String]?

    init(_ ticketCase: TicketCase) {
        name = ticketCase.name
        if ticketCase.bytes.count > 4096 {
            // 64 KiB of one byte need not be spelled out.
            hex = "\(ticketCase.bytes.count) * \(ticketCase.bytes[0])"
        } else if ticketCase.bytes.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) {
            ticket = String(decoding: ticketCase.bytes, as: UTF8.self)
        } else {
            hex = ticketCase.bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }
        do {
            claims = Self.fields(try TicketParser.parse(ticketCase.bytes).unverifiedClaims)
        } catch {
            self.error = error.code.rawValue
            detail = error.detail
        }
    }

    var bytes: [UInt8] {
        if let ticket { return Array(ticket.utf8) }
        let text = hex ?? ""
        if let star = text.firstIndex(of: "*") {
            let count = Int(text[..<star].filter { $0 != " " }) ?? 0
            return [UInt8](repeating: UInt8(text[star...].filter { $0 != " " && $0 != "*" }) ?? 0, count: count)
        }
        let digits = Array(text)
        return stride(from: 0, to: digits.count - 1, by: 2).compactMap {
            UInt8(String(digits[$0...($0 + 1)]), radix: 16)
        }
    }

    /// The claims under their names in the ticket.
    static func fields(_ claims: Claims) -> [String: String] {
        let fields: [String: String?] = [
            "kid": claims.keyID, "iss": claims.issuer, "aud": claims.audience, "sub": claims.subject,
            "jti": claims.ticketID, "iat": String(claims.issuedAt), "nbf": claims.notBefore.map { String($0) },
            "exp": String(claims.expiresAt), "usr": claims.account, "tgt": claims.target, "rol": claims.role,
            "max": claims.maximumDuration.map { String($0) }, "idl": claims.idleTimeout.map { String($0) },
            "act": claims.actor, "own": claims.owner, "apr": claims.approval, "chg": claims.change,
            "svc": claims.services?.joined(separator: " "), "src": claims.source?.description,
            "cnf": claims.key?.description, "cmd": claims.command, "use": claims.use.rawValue, "ses": claims.session,
        ]
        var present = fields.compactMapValues { $0 }
        for member in claims.extensions.members {
            present[String(decoding: member.name, as: UTF8.self)] = "extension"
        }
        return present
    }
}

@Suite struct TicketVectorTests {
    @Test func everyCaseIsRefusedForItsReasonOrAccepted() throws {
        for each in try TicketCases.all() {
            #expect(TicketVector(each).error == each.code?.rawValue, "\(each.name)")
        }
    }

    @Test func theCheckedInVectorsAreTheCases() throws {
        let built = try TicketCases.all().map { TicketVector($0) }
        #expect(Set(built.map(\.name)).count == built.count, "two cases have one name")
        let stored = try Golden.load("tickets.json", rewritingWith: built)
        #expect(stored.map(\.name) == built.map(\.name))
        for (stored, built) in zip(stored, built) {
            #expect(stored == built)
        }
    }

    @Test func theCheckedInTicketsParseAsTheyDidWhenTheyWereWritten() throws {
        let stored = try Golden.load("tickets.json", rewritingWith: TicketCases.all().map { TicketVector($0) })
        let key = try Fixture.key().publicKey
        for vector in stored {
            do {
                let ticket = try TicketParser.parse(vector.bytes)
                #expect(TicketVector.fields(ticket.unverifiedClaims) == vector.claims, "\(vector.name)")
                #expect(ticket.verify(with: key), "\(vector.name)")
            } catch {
                #expect(error.code.rawValue == vector.error, "\(vector.name)")
            }
        }
    }

    @Test func everyErrorCodeOfTheParserHasACase() throws {
        let seen = Set(try TicketCases.all().compactMap(\.code))
        // Only the signer can find that a key is not the one named in the claims.
        #expect(seen == Set(TicketErrorCode.allCases).subtracting([.keyMismatch]))
    }

    @Test func noDetailRepeatsAValueOfTheTicket() throws {
        let values = ["broker.example", "alice", Fixture.ticketID, Fixture.hostID, "k3j7x2mag5", "res=success"]
        for each in try TicketCases.all() {
            let detail = TicketVector(each).detail ?? ""
            for value in values {
                #expect(!detail.contains(value), "\(each.name): \(detail)")
            }
            #expect(detail.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F } && detail.utf8.count < 200, "\(each.name)")
        }
    }
}
