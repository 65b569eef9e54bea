import Foundation
import Testing
import UsherStore

@testable import UsherAgent

func sampleSession() -> Session {
    let admission = Admission(
        handle: "h", state: .used, bootID: "boot", login: ProcessKey(pid: 7, startTime: 8), account: "u-aaaaaaaaaa",
        kind: .ephemeral, uid: 1_879_048_192, service: "sshd", terminal: nil, remoteHost: "::1",
        ticket: TicketFacts(
            issuer: "broker", keyID: "kid", ticketID: "jti", expiresAt: 9, subject: "agent:builder",
            actor: "human:alice", owner: "human:bob", role: "dba", approval: "A-1", change: nil),
        maxDuration: 3600, idleLimit: 900, shell: "/bin/bash", groups: [], admittedAt: 1, admittedBoot: 2)
    return Session(
        id: "s-aaaaaaaaaaaaaaaa", state: .opening, admission: admission, leader: admission.login, auditSession: 42,
        loginUID: admission.uid, openedAt: 1_000, openedBoot: 3, endsAt: 1_795_271_520, endsBoot: 4)
}

@Suite struct SessionTextTests {
    @Test func theTagNamesIdentityTicketApprovalAndAccountAndLeavesOutWhatIsAbsent() {
        #expect(
            SessionTexts.tag(sampleSession())
                == "op=usher-session-begin session=s-aaaaaaaaaaaaaaaa ticket=jti issuer=broker subject=agent:builder "
                + "actor=human:alice owner=human:bob role=dba approval=A-1 account=u-aaaaaaaaaa")
    }

    @Test func anAdministratorsWordsCannotForgeFieldsOfTheRecord() {
        let cause = EndCause.administrator(reason: "done' res=success acct=\"root\"", uid: 0, pid: 5)
        let text = SessionTexts.accountEnd(sampleSession(), cause: cause)
        #expect(text.hasSuffix(" reason=operator:_done__res_success_acct__root_ by=uid_0__pid_5_"))
        #expect(text.components(separatedBy: "res=").count == 1)
    }

    @Test func theOperatorIsToldIdRoleEndIdleLimitAndApproval() {
        #expect(
            SessionTexts.notice(sampleSession())
                == "Usher: session s-aaaaaaaaaaaaaaaa, role dba, ends 2026-11-21 14:32 UTC (60 min)\n"
                + "Usher: idle limit 15 min, approval A-1, commands are recorded")
    }

    @Test func civilTimeAgreesWithFoundation() throws {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(secondsFromGMT: 0)
        formatter.dateFormat = "yyyy-MM-dd HH:mm 'UTC'"
        for seconds in stride(from: Int64(0), to: 5_000_000_000, by: 37_654_321) {
            #expect(CivilTime.utc(seconds) == formatter.string(from: Date(timeIntervalSince1970: Double(seconds))))
        }
        // 2024-02-29 and 2100-02-28/03-01, a leap day and none.
        for seconds: Int64 in [1_709_208_000, 4_107_542_399, 4_107_542_400] {
            #expect(CivilTime.utc(seconds) == formatter.string(from: Date(timeIntervalSince1970: Double(seconds))))
        }
    }
}

@Suite struct StandardErrorLogTests {
    @Test(arguments: [
        ("plain", "plain"), ("", "\"\""), ("two words", "\"two words\""), ("a\nb", "\"a\\nb\""),
        ("quote\"", "\"quote\\\"\""), ("\u{1B}[31m", "\"\\u{1b}[31m\""), ("a=b", "\"a=b\""), ("é", "\"é\""),
        ("\u{9B}x", "\"\\u{9b}x\""),
    ])
    func aValueStaysOneValueOnOneLine(value: String, written: String) {
        #expect(StandardErrorLog.quoted(value) == written)
    }
}
