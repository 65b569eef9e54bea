import Testing
import UsherPolicy
import UsherTicket

/// One entry of Tests/Vectors/decisions.json: a ticket, the login it came with, and the decision.
struct DecisionVector: Codable, Equatable {
    var name: String
    var ticket: String
    var account: String
    var service: String
    var remoteHost: String?
    var authenticationInfo: String?
    var now: Int64
    var refusal: String?
    var reason: String?
    var grant: [String: String]?

    init(_ each: DecisionCase) throws {
        let scene = try each.scene()
        name = each.name
        ticket = String(decoding: try scene.ticket(), as: UTF8.self)
        account = scene.context.account
        service = scene.context.service
        remoteHost = scene.context.remoteHost
        authenticationInfo = scene.context.authenticationInfo
        now = scene.context.now
        switch try scene.decide() {
        case .failure(let refusal):
            self.refusal = refusal.code.rawValue
            reason = refusal.reason
        case .success(let grant):
            self.grant = [
                "account": grant.kind.rawValue, "duration": String(grant.duration),
                "groups": grant.groups.joined(separator: " "), "idle": grant.idleTimeout.map { String($0) } ?? "",
                "role": grant.role.name, "trust": grant.trustEntry,
            ]
        }
    }
}

@Suite struct DecisionTests {
    @Test(arguments: DecisionCase.all.indices)
    func everyCaseIsRefusedForItsReasonOrGranted(index: Int) throws {
        let each = DecisionCase.all[index]
        #expect(try each.scene().code() == each.code, "\(each.name)")
    }

    @Test func theCheckedInDecisionsAreTheCases() throws {
        let built = try DecisionCase.all.map { try DecisionVector($0) }
        let stored = try Golden.load("decisions.json", rewritingWith: built)
        #expect(Set(stored.map(\.name)).count == stored.count, "two cases have one name")
        #expect(stored.count == built.count)
        for (stored, built) in zip(stored, built) {
            #expect(stored == built)
        }
    }

    @Test func everyRefusalThatPolicyCanGiveHasACase() {
        let ofTheState: Set<RefusalCode> = [
            .emptyTicket, .oversizeTicket, .unreadableTicket, .malformed, .replayed, .noAdmission, .uidBusy,
            .sessionsFull, .homesBudget, .auditUnavailable, .evidenceUnavailable, .databaseUnavailable, .clockBehind,
            .revoked, .revocationListMissing, .internalError,
        ]
        #expect(Set(DecisionCase.all.compactMap(\.code)) == Set(RefusalCode.allCases).subtracting(ofTheState))
    }

    @Test func everyReasonIsOneLineOfPrintableASCII() throws {
        for each in DecisionCase.all {
            guard case .failure(let refusal) = try each.scene().decide() else { continue }
            #expect(refusal.reason.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F }, "\(each.name)")
            #expect(refusal.reason.utf8.count < 300, "\(each.name)")
        }
    }

    @Test func aForgedTicketIsToldNothingOfItsClaims() throws {
        var scene = try Scene()
        scene.isForged = true
        scene.claims.audience = "h-aaaaaaaaaaaaaaaa"
        scene.claims.role = "gone"
        scene.context.now = 0
        guard case .failure(let refusal) = try scene.decide() else {
            Issue.record("granted")
            return
        }
        #expect(refusal == Refusal(code: .badSignature, reason: "not signed by key \(scene.claims.keyID) of broker"))
    }

    @Test func bytesThatAreNoTicketAreRefusedUnderTheirOwnCodes() {
        func code(_ bytes: [UInt8]) -> RefusalCode? {
            do throws(TicketError) {
                _ = try TicketParser.parse(bytes)
                return nil
            } catch {
                return Refusal(error).code
            }
        }
        #expect(code([]) == .emptyTicket)
        #expect(code([UInt8](repeating: 0x41, count: 1001)) == .oversizeTicket)
        #expect(code([0xFF]) == .malformed)
    }

    @Test func theSkewIsToleratedToTheSecondOnBothSides() throws {
        var scene = try Scene()
        for (now, code) in [
            (1_799_999_970, nil), (1_799_999_969, RefusalCode.notYetValid), (1_800_000_329, nil),
            (1_800_000_330, .expired),
        ] {
            scene.context.now = Int64(now)
            #expect(try scene.code() == code, "\(now)")
        }
        scene.context.skew = 0
        for (now, code) in [
            (1_800_000_000, nil), (1_799_999_999, RefusalCode.notYetValid), (1_800_000_299, nil),
            (1_800_000_300, .expired),
        ] {
            scene.context.now = Int64(now)
            #expect(try scene.code() == code, "\(now) without skew")
        }
    }
}

@Suite struct NarrowingTests {
    func grant(_ change: (inout Scene) -> Void) throws -> Grant {
        var scene = try Scene()
        change(&scene)
        return try scene.decide().get()
    }

    @Test func theSessionIsAsLongAsTheShortestOfTicketRoleAndHost() throws {
        #expect(try grant { _ in }.duration == 3600)
        #expect(try grant { $0.claims.maximumDuration = 60 }.duration == 60)
        #expect(try grant { $0.claims.maximumDuration = 7200 }.duration == 3600)
        #expect(try grant { $0.limits.maxDuration = 120 }.duration == 120)
    }

    @Test func theIdleLimitIsTheShorterOfTicketAndRole() throws {
        #expect(try grant { _ in }.idleTimeout == 900)
        #expect(try grant { $0.claims.idleTimeout = 60 }.idleTimeout == 60)
        #expect(try grant { $0.claims.idleTimeout = 901 }.idleTimeout == 900)
        #expect(try grant { $0.roles["operator"]?.idleTimeout = nil }.idleTimeout == nil)
        let onlyTicket = try grant {
            $0.roles["operator"]?.idleTimeout = nil
            $0.claims.idleTimeout = 300
        }
        #expect(onlyTicket.idleTimeout == 300)
    }

    @Test func theFormOfTheNameAloneMakesAnAccountEphemeral() throws {
        #expect(try grant { _ in }.kind == .ephemeral)
        let existing = try grant {
            $0.claims.account = "postgres"
            $0.context.account = "postgres"
            $0.claims.role = "dba"
        }
        #expect(existing.kind == .existing)
    }

    @Test func aGrantCarriesTheRoleItsGroupsAndTheVerifiedClaims() throws {
        let scene = try Scene()
        let grant = try scene.decide().get()
        #expect(grant.claims == scene.claims)
        #expect(grant.role == scene.roles["operator"])
        #expect(grant.groups == ["usher-operator"])
        #expect(grant.trustEntry == "broker")
    }
}
