import Testing
import UsherEvidence
import UsherStore
import UsherWire

@testable import UsherAgent

@Suite struct AttributionTests {
    private static let uid = EphemeralAccount.uid(ofName: Array("u-k3j7x2mag5".utf8).span) ?? 0
    private static let live = knownSession("s-live", uid: uid, ses: 40)
    private static let gone = knownSession("s-gone", uid: uid + 1, ses: 30, closedAt: 1_500_000)
    private static let first = knownSession("s-first", uid: 0, ses: 50, kind: .existing, account: "root")
    private static let second = knownSession("s-second", uid: 0, ses: 51, kind: .existing, account: "root")
    private let knowledge = ScriptedKnowledge([live, gone, first, second], cgroups: [700: "s-live"])

    private func of(_ event: AuditEvent) -> Attribution { Attribution.of(event, knowledge) }

    @Test func theKernelsNumbersNameTheSession() {
        #expect(of(event(auid: Self.uid, ses: 40, uid: 0)) == .session(Self.live, .kernel, why: nil))
    }

    /// cron, at and user@.service set the loginuid again: the same auid, another ses.
    @Test func anEphemeralAccountNamesItsSessionWhateverItsSes() {
        #expect(of(event(auid: Self.uid, ses: 99)) == .session(Self.live, .kernel, why: nil))
        #expect(of(event(auid: Self.uid, ses: nil)) == .session(Self.live, .kernel, why: nil))
    }

    @Test func anEventAfterTheEndIsStillTheSessions() {
        #expect(
            of(event(auid: Self.uid + 1, ses: 30))
                == .session(Self.gone, .kernel, why: "after the session was closed"))
    }

    @Test func anEphemeralUIDThatNoSessionHadIsUnknown() {
        guard case .unknown(let why) = of(event(auid: Self.uid + 7, ses: 2)) else {
            Issue.record("attributed")
            return
        }
        #expect(why.contains("no session had it"))
    }

    @Test func sesAloneTellsSessionsOfOneAccountApart() {
        #expect(of(event(auid: 0, ses: 50)) == .session(Self.first, .kernel, why: nil))
        #expect(of(event(auid: 0, ses: 51)) == .session(Self.second, .kernel, why: nil))
    }

    @Test func jobsOfAnExistingAccountAreUnknownAndNeverGuessed() {
        guard case .unknown(let why) = of(event(auid: 0, ses: 88)) else {
            Issue.record("attributed")
            return
        }
        #expect(why.contains("s-first, s-second") && why.contains("job of cron or at"))
    }

    @Test func aSesWithAnotherAuidIsUnknown() {
        guard case .unknown = of(event(auid: 1001, ses: 50)) else {
            Issue.record("attributed")
            return
        }
    }

    @Test func aProcessWithoutLoginuidIsInferredByItsUIDOrCgroup() {
        guard case .session(Self.live, .inferred, let byUID?) = of(event(uid: Self.uid)),
            case .session(Self.live, .inferred, let byGroup?) = of(event(uid: 0, pid: 700))
        else {
            Issue.record("not inferred")
            return
        }
        #expect(byUID.contains("loginuid is unset") && byGroup.contains("cgroup"))
    }

    @Test func rootThatTookAnotherLoginuidIsInferredByTheCgroup() {
        guard case .session(Self.live, .inferred, _) = of(event(auid: 1001, ses: 60, uid: 0, pid: 700)) else {
            Issue.record("not inferred")
            return
        }
    }

    @Test func whoLeavesItsLoginuidIsNamedByTheOldOne() {
        let left = event("LOGIN", auid: 1001, ses: 61, uid: 0, fields: [("old-auid", "0"), ("old-ses", "50")])
        guard case .session(Self.first, .kernel, _?) = of(left) else {
            Issue.record("not named")
            return
        }
        // The LOGIN of every ordinary login has no old one.
        let login = event("LOGIN", auid: 0, ses: 51, uid: 0, fields: [("old-ses", "4294967295")])
        #expect(of(login) == .session(Self.second, .kernel, why: nil))
    }

    @Test func whatPAMSaysBeforeTheLoginuidNamesTheAccount() {
        let start = event("USER_AUTH", at: 999_000, uid: 0, fields: [("acct", "u-k3j7x2mag5"), ("res", "success")])
        guard case .session(Self.live, .inferred, _?) = of(start) else {
            Issue.record("not inferred")
            return
        }
        #expect(of(event("USER_AUTH", uid: 0, fields: [("acct", "alice")])) == .none)
    }

    @Test func strangersAreNobodys() {
        #expect(of(event(auid: 1001, ses: 7, uid: 1001)) == .none)
        #expect(of(event(uid: 0)) == .none)
    }
}
