import Testing
import UsherPAMCore

private let login =
    #"{"user":"u-k3j7x2mag5","service":"sshd","terminal":"ssh","remoteHost":"192.0.2.7"}"#
private let handle = "abcdefghijklmnopqrstuvwxyz"
private let session = "s-abcdefghij234567"
private let tag = "op=usher-session-begin session=s-abcdefghij234567 subject=human:alice"

private func opened(session: String = session, tag: String = tag, notice: String = #"role dba\nrecorded"#)
    -> AgentOutcome
{
    .text(#"{"parameters":{"session":"\#(session)","tag":"\#(tag)","notice":"\#(notice)"}}"#)
}

private func report(_ written: Bool) -> String {
    #"{"method":"io.usher.Agent.ReportTag","parameters":{"session":"\#(session)","written":\#(written)}}"#
}

@Suite struct OpenSessionTests {
    let open = #"{"method":"io.usher.Agent.OpenSession","parameters":{"login":\#(login),"handle":"\#(handle)"}}"#
    let openWithoutHandle = #"{"method":"io.usher.Agent.OpenSession","parameters":{"login":\#(login)}}"#
    let audit = Event.audit(tag, remoteHost: "192.0.2.7", terminal: "ssh", .written)

    func host(_ script: [Event]) -> ScriptedHost {
        let host = ScriptedHost(script)
        host.variables["USHER_HANDLE"] = handle
        return host
    }

    func beginning(_ outcome: AgentOutcome) -> [Event] {
        [.setVariable("USHER_HANDLE", nil, true), .call(open, outcome)]
    }

    var marked: [Event] { [.store(session, true), .setVariable("USHER_SESSION", session, true)] }

    @Test func theTagIsWrittenBetweenTheAgentsAnswerAndTheReportAndOneDeadlineBoundsBothCalls() {
        let host = host(
            beginning(opened()) + marked
                + [audit, .call(report(true), .nothing), .showInformation("role dba\nrecorded")])
        #expect(host.run { $0.openSession() } == .success)
        #expect(host.variables == ["USHER_SESSION": session])
        #expect(host.deadlines == [1_000_005, 1_000_005])
    }

    @Test func theNoticeIsNotShownWhenPAMIsToBeSilent() {
        let host = host(beginning(opened()) + marked + [audit, .call(report(true), .nothing)])
        #expect(host.run({ $0.openSession() }, isSilent: true) == .success)
    }

    @Test func withoutAHandleTheAgentIsAskedAllTheSame() {
        let host = ScriptedHost([
            .call(openWithoutHandle, .refusal), .log("io.usher.Agent.OpenSession: refused (ref 7F3K-Q2)", error: 0),
            .showError("Ticket refused (ref 7F3K-Q2)"), .store(nil, true),
        ])
        #expect(host.run { $0.openSession() } == .permissionDenied)
    }

    @Test func aHandleOfAnotherFormIsRemovedAndNotSent() {
        let host = ScriptedHost([
            .setVariable("USHER_HANDLE", nil, true), .call(openWithoutHandle, .refusal),
            .log("io.usher.Agent.OpenSession: refused (ref 7F3K-Q2)", error: 0),
            .showError("Ticket refused (ref 7F3K-Q2)"), .store(nil, true),
        ])
        host.variables["USHER_HANDLE"] = "x"
        #expect(host.run { $0.openSession() } == .permissionDenied)
    }

    @Test func aHandleThatCannotBeRemovedRefusesBeforeTheAgentIsAsked() {
        let host = host([
            .setVariable("USHER_HANDLE", nil, false), .log("pam_putenv: USHER_HANDLE not removed", error: 0),
            .showError("Ticket refused"), .store(nil, true),
        ])
        #expect(host.run { $0.openSession() } == .permissionDenied)
    }

    @Test(arguments: [
        (AgentOutcome.refusal, "refused (ref 7F3K-Q2)", Int32(0), "Ticket refused (ref 7F3K-Q2)"),
        (.failed(.connect, error: 111), "connect /run/usher/agent.sock", 111, "Ticket refused"),
    ])
    func aSessionThatIsNotOpenedIsRefused(outcome: AgentOutcome, line: String, error: Int32, message: String) {
        let host = host(
            beginning(outcome) + [
                .log("io.usher.Agent.OpenSession: " + line, error: error), .showError(message), .store(nil, true),
            ])
        #expect(host.run { $0.openSession() } == .permissionDenied)
    }

    static let wrongAnswers: [AgentOutcome] =
        nonsense.map(AgentOutcome.text) + [
            .nothing, opened(session: "s-abcdefghij23456"), opened(session: "s-ABCDEFGHIJ234567"),
            opened(session: "x-abcdefghij234567"), opened(session: "s-abcdefghij23456789"), opened(tag: ""),
            opened(tag: "op=x'"), opened(tag: #"op=x\""#), opened(tag: #"op=x\u000a"#), opened(tag: "op=é"),
            opened(tag: String(repeating: "x", count: 8001)), opened(notice: ""), opened(notice: #"\u001b[2J"#),
            opened(notice: "é"), opened(notice: String(repeating: "x", count: 4097)),
            .text(#"{"parameters":{"session":"\#(session)","tag":"\#(tag)"}}"#),
            .text(#"{"parameters":{"session":"\#(session)","tag":"\#(tag)","notice":1}}"#),
            .text(#"{"parameters":{"session":"\#(session)","tag":"\#(tag)","notice":"x","more":"x"}}"#),
        ]

    @Test(arguments: wrongAnswers)
    func anAnswerThatIsNotExactlyRightRefuses(answer: AgentOutcome) {
        let host = host(
            beginning(answer) + [
                .log("io.usher.Agent.OpenSession: answer: not what the interface describes", error: 0),
                .showError("Ticket refused"), .store(nil, true),
            ])
        #expect(host.run { $0.openSession() } == .permissionDenied)
    }

    @Test func aTagOfExactlyTheLimitIsWritten() {
        let tag = String(repeating: "x", count: 8000)
        let host = host(
            beginning(opened(tag: tag)) + marked + [
                .audit(tag, remoteHost: "192.0.2.7", terminal: "ssh", .written), .call(report(true), .nothing),
                .showInformation("role dba\nrecorded"),
            ])
        #expect(host.run { $0.openSession() } == .success)
    }

    @Test(arguments: [
        (AuditOutcome.failed(error: 1), "audit: the session's record was not taken", Int32(1)),
        (.disabled, "audit: the kernel's auditing is off", 0),
    ])
    func withoutItsAuditRecordThereIsNoSession(outcome: AuditOutcome, line: String, error: Int32) {
        let failing = Event.audit(tag, remoteHost: "192.0.2.7", terminal: "ssh", outcome)
        for answer in [AgentOutcome.nothing, .refusal, .failed(.receive, error: 110)] {
            let host = host(
                beginning(opened()) + marked + [
                    failing, .call(report(false), answer), .log(line, error: error), .showError("Ticket refused"),
                    .store(nil, true),
                ])
            #expect(host.run { $0.openSession() } == .permissionDenied)
        }
    }

    @Test func whatLibpamDoesNotKeepRefusesBeforeTheRecordIsWritten() {
        let data = host(
            beginning(opened()) + [
                .store(session, false), .call(report(false), .nothing),
                .log("pam_set_data: session not stored", error: 0), .showError("Ticket refused"), .store(nil, false),
            ])
        #expect(data.run { $0.openSession() } == .permissionDenied)

        let variable = host(
            beginning(opened()) + [
                .store(session, true), .setVariable("USHER_SESSION", session, false), .call(report(false), .nothing),
                .log("pam_putenv: USHER_SESSION not set", error: 0), .showError("Ticket refused"), .store(nil, true),
            ])
        #expect(variable.run { $0.openSession() } == .permissionDenied)
    }

    @Test(arguments: [
        (AgentOutcome.refusal, "refused (ref 7F3K-Q2)", Int32(0), "Ticket refused (ref 7F3K-Q2)"),
        (.failed(.receive, error: 110), "receive /run/usher/agent.sock", 110, "Ticket refused"),
        (.text(#"{"parameters":{"x":1}}"#), "answer: not what the interface describes", 0, "Ticket refused"),
    ])
    func aReportThatIsNotTakenRefuses(outcome: AgentOutcome, line: String, error: Int32, message: String) {
        let host = host(
            beginning(opened()) + marked + [
                audit, .call(report(true), outcome), .log("io.usher.Agent.ReportTag: " + line, error: error),
                .showError(message), .store(nil, true),
            ])
        #expect(host.run { $0.openSession() } == .permissionDenied)
    }

    @Test(arguments: ["a host", "a'b", "a=b", "a\"b"])
    func aHostOrTerminalThatCouldForgeAFieldIsLeftOutOfTheRecord(value: String) {
        let login = #"{"user":"u-k3j7x2mag5","service":"su","terminal":"TEXT","remoteHost":"TEXT"}"#
            .split(separator: "TEXT", omittingEmptySubsequences: false)
            .joined(separator: value.split(separator: "\"").joined(separator: #"\""#))
        let host = ScriptedHost([
            .call(#"{"method":"io.usher.Agent.OpenSession","parameters":{"login":\#(login)}}"#, opened()),
            .store(session, true), .setVariable("USHER_SESSION", session, true),
            .audit(tag, remoteHost: nil, terminal: nil, .written), .call(report(true), .nothing),
            .showInformation("role dba\nrecorded"),
        ])
        host.items = [.user: "u-k3j7x2mag5", .service: "su", .terminal: value, .remoteHost: value]
        #expect(host.run { $0.openSession() } == .success)
    }

    @Test func aWrongArgumentRefusesAndMarksTheSessionAsRefused() {
        let host = host([
            .log("module argument is unknown: x", error: 0), .showError("Ticket refused"), .store(nil, true),
        ])
        #expect(host.run({ $0.openSession() }, arguments: ["x"]) == .permissionDenied)
    }
}

@Suite struct CloseSessionTests {
    let close = #"{"method":"io.usher.Agent.CloseSession","parameters":{"session":"\#(session)"}}"#

    func host(_ script: [Event]) -> ScriptedHost {
        let host = ScriptedHost(script)
        host.stored = StoredSession(id: Array(session.utf8), isOpenedHere: true)
        return host
    }

    @Test func theAgentIsTold() {
        #expect(host([.call(close, .nothing)]).run { $0.closeSession() } == .success)
    }

    @Test func withoutASessionThereIsNothingToClose() {
        #expect(ScriptedHost([]).run { $0.closeSession() } == .success)
        let refused = ScriptedHost([])
        refused.stored = StoredSession(id: nil, isOpenedHere: true)
        #expect(refused.run { $0.closeSession() } == .success)
    }

    @Test(arguments: [
        (AgentOutcome.refusal, "refused (ref 7F3K-Q2)", Int32(0)),
        (.failed(.connect, error: 111), "connect /run/usher/agent.sock", 111),
        (.text("{}x"), "answer: not what the interface describes", 0),
    ])
    func aCloseThatTheAgentDidNotTakeIsLoggedButNotShown(outcome: AgentOutcome, line: String, error: Int32) {
        let host = host([.call(close, outcome), .log("io.usher.Agent.CloseSession: " + line, error: error)])
        #expect(host.run { $0.closeSession() } == .permissionDenied)
    }

    @Test func aWrongArgumentIsLogged() {
        let host = host([.log("module argument is unknown: x", error: 0)])
        #expect(host.run({ $0.closeSession() }, arguments: ["x"]) == .permissionDenied)
    }
}
