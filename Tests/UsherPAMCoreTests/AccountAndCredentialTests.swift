import Testing
import UsherPAMCore

private let login =
    #"{"user":"u-k3j7x2mag5","service":"sshd","terminal":"ssh","remoteHost":"192.0.2.7"}"#
private let handle = "abcdefghijklmnopqrstuvwxyz"
private let session = "s-abcdefghij234567"

@Suite struct AuthorizeTests {
    let withHandle = #"{"method":"io.usher.Agent.Authorize","parameters":{"login":\#(login),"handle":"\#(handle)"}}"#
    let withoutHandle = #"{"method":"io.usher.Agent.Authorize","parameters":{"login":\#(login)}}"#

    @Test func anAdmissionIsAskedForByItsHandleWhichStays() {
        let host = ScriptedHost([.call(withHandle, .nothing)])
        host.variables["USHER_HANDLE"] = handle
        #expect(host.run { $0.authorize() } == .success)
        #expect(host.variables["USHER_HANDLE"] == handle)
    }

    @Test(arguments: [nil, "", "abc", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxy\""] as [String?])
    func withoutAHandleTheAgentIsAskedAllTheSame(value: String?) {
        let host = ScriptedHost([
            .call(withoutHandle, .refusal), .log("io.usher.Agent.Authorize: refused (ref 7F3K-Q2)", error: 0),
            .showError("Ticket refused (ref 7F3K-Q2)"),
        ])
        host.variables["USHER_HANDLE"] = value
        #expect(host.run { $0.authorize() } == .permissionDenied)
    }

    @Test func anAgentThatCannotBeAskedRefuses() {
        let host = ScriptedHost([
            .call(withoutHandle, .failed(.connect, error: 2)),
            .log("io.usher.Agent.Authorize: connect /run/usher/agent.sock", error: 2), .showError("Ticket refused"),
        ])
        #expect(host.run { $0.authorize() } == .permissionDenied)
    }

    @Test(arguments: nonsense)
    func anAnswerThatIsNotExactlyRightRefuses(answer: String) {
        let host = ScriptedHost([
            .call(withoutHandle, .text(answer)),
            .log("io.usher.Agent.Authorize: answer: not what the interface describes", error: 0),
            .showError("Ticket refused"),
        ])
        #expect(host.run { $0.authorize() } == .permissionDenied)
    }

    @Test func aMissingUserRefusesWithoutACall() {
        let host = ScriptedHost([.log("PAM_USER is not set", error: 0), .showError("Ticket refused")])
        host.items[.user] = nil
        #expect(host.run { $0.authorize() } == .permissionDenied)
    }
}

@Suite struct CredentialTests {
    let enter = #"{"method":"io.usher.Agent.Enter","parameters":{"session":"\#(session)"}}"#

    @Test func beforeASessionThereIsNothingToEstablish() {
        #expect(ScriptedHost([]).run { $0.establishCredentials() } == .success)
    }

    @Test func inTheProcessThatOpenedTheSessionThereIsNothingToEstablish() {
        let host = ScriptedHost([])
        host.stored = StoredSession(id: Array(session.utf8), isOpenedHere: true)
        #expect(host.run { $0.establishCredentials() } == .success)
    }

    @Test func aChildOfTheLeaderEntersTheSession() {
        let host = ScriptedHost([.call(enter, .nothing)])
        host.stored = StoredSession(id: Array(session.utf8), isOpenedHere: false)
        #expect(host.run { $0.establishCredentials() } == .success)
    }

    @Test(arguments: [
        (AgentOutcome.refusal, "refused (ref 7F3K-Q2)", Int32(0), "Ticket refused (ref 7F3K-Q2)"),
        (.failed(.receive, error: 110), "receive /run/usher/agent.sock", 110, "Ticket refused"),
        (.text(#"{"parameters":{"x":1}}"#), "answer: not what the interface describes", 0, "Ticket refused"),
    ])
    func aChildThatCannotEnterIsRefused(outcome: AgentOutcome, line: String, error: Int32, message: String) {
        let host = ScriptedHost([
            .call(enter, outcome), .log("io.usher.Agent.Enter: " + line, error: error), .showError(message),
        ])
        host.stored = StoredSession(id: Array(session.utf8), isOpenedHere: false)
        #expect(host.run { $0.establishCredentials() } == .permissionDenied)
    }

    @Test func aChildOfARefusedSessionIsRefusedWithoutACall() {
        let host = ScriptedHost([.log("setcred: the session was refused", error: 0), .showError("Ticket refused")])
        host.stored = StoredSession(id: nil, isOpenedHere: false)
        #expect(host.run { $0.establishCredentials() } == .permissionDenied)
    }

    @Test func deletingCredentialsAsksNobody() {
        let host = ScriptedHost([])
        host.stored = StoredSession(id: Array(session.utf8), isOpenedHere: true)
        #expect(host.run { $0.deleteCredentials() } == .success)
    }
}

@Suite struct ModuleArgumentTests {
    /// Each phase, and what it answers when its arguments are wrong.
    let phases: [(String, PAMResult, (PAMPhases<ScriptedHost>) -> PAMResult)] = [
        ("authenticate", .serviceError, { $0.authenticate() }), ("account", .permissionDenied, { $0.authorize() }),
        ("establish", .permissionDenied, { $0.establishCredentials() }),
        ("delete", .permissionDenied, { $0.deleteCredentials() }),
    ]

    @Test(arguments: [
        ("debug", "module argument is unknown: debug"), ("", "module argument is unknown: "),
        ("Agent=/x", "module argument is unknown: Agent=/x"),
        ("mode=observe", "module argument is unknown: mode=observe"),
        ("agent=", "module argument is out of range: agent="),
        ("agent=run/x", "module argument is out of range: agent=run/x"),
        ("timeout=0", "module argument is out of range: timeout=0"),
        ("timeout=61", "module argument is out of range: timeout=61"),
        ("timeout=5s", "module argument is out of range: timeout=5s"),
        ("timeout=", "module argument is out of range: timeout="),
        ("timeout=05", "module argument is out of range: timeout=05"),
        ("prompt=", "module argument is out of range: prompt="),
        ("prompt=a\u{1B}b", "module argument is out of range: prompt=a?b"),
    ])
    func anArgumentThatIsNotRightRefusesEveryPhaseBeforeItAsksAnything(argument: String, line: String) {
        for (_, result, phase) in phases {
            let host = ScriptedHost([.log(line, error: 0), .showError("Ticket refused")])
            #expect(host.run(phase, arguments: ["timeout=5", argument].filter { $0 != "timeout=5" }) == result)
        }
    }

    @Test(arguments: ["agent=/a", "timeout=5", "prompt=x"])
    func anArgumentGivenTwiceRefusesEveryPhase(argument: String) {
        for (_, result, phase) in phases {
            let host = ScriptedHost([
                .log("module argument is given twice: " + argument, error: 0), .showError("Ticket refused"),
            ])
            #expect(host.run(phase, arguments: [argument, argument]) == result)
        }
    }

    @Test func aWrongArgumentIsCutInTheLog() {
        let line = "module argument is unknown: " + String(repeating: "x", count: 100)
        let host = ScriptedHost([.log(line, error: 0), .showError("Ticket refused")])
        #expect(host.run({ $0.authorize() }, arguments: [String(repeating: "x", count: 5000)]) == .permissionDenied)
    }

    @Test func limitsAreInclusive() throws {
        func arguments(_ texts: String...) throws -> ModuleArguments {
            try ModuleArguments(texts.map { Array($0.utf8) })
        }
        #expect(try arguments("timeout=1").timeout == 1)
        #expect(try arguments("timeout=60").timeout == 60)
        #expect(try arguments().timeout == 5)
        #expect(try arguments("agent=/" + String(repeating: "a", count: 106)).agent.count == 107)
        #expect(throws: ModuleArguments.Problem.self) { try arguments("agent=/" + String(repeating: "a", count: 107)) }
        #expect(try arguments("prompt=" + String(repeating: "p", count: 200)).prompt.count == 200)
        #expect(throws: ModuleArguments.Problem.self) { try arguments("prompt=" + String(repeating: "p", count: 201)) }
    }
}
