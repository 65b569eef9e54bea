import Testing
import UsherPAMCore

private let login =
    #"{"user":"u-k3j7x2mag5","service":"sshd","terminal":"ssh","remoteHost":"192.0.2.7"}"#
private let handle = "abcdefghijklmnopqrstuvwxyz"

private func call(_ rest: String, login: String = login) -> String {
    #"{"method":"io.usher.Agent.Authenticate","parameters":{"login":"# + login + "," + rest + "}}"
}

@Suite struct AuthenticateTests {
    let granted = AgentOutcome.text(#"{"parameters":{"handle":"\#(handle)"}}"#)

    @Test func aTicketIsAskedForOnceSentAndWipedAndTheHandleGoesToThePAMEnvironment() {
        let host = ScriptedHost([
            .identifyUser(true), .prompt("Ticket: ", answer: Array("aB3-_.x".utf8)),
            .call(call(#""ticket":"aB3-_.x""#), granted), .wipe, .setVariable("USHER_HANDLE", handle, true),
        ])
        #expect(host.run { $0.authenticate() } == .success)
    }

    @Test func theArgumentsSayWhereHowLongAndWhatToAsk() {
        let host = ScriptedHost([
            .identifyUser(true), .prompt("Your ticket? ", answer: Array("x".utf8)),
            .call(call(#""ticket":"x""#), granted), .wipe, .setVariable("USHER_HANDLE", handle, true),
        ])
        host.agent = "/run/other.sock"
        let arguments = ["timeout=60", "agent=/run/other.sock", "prompt=Your ticket? "]
        #expect(host.run({ $0.authenticate() }, arguments: arguments) == .success)
        #expect(host.deadlines == [1_000_060])
    }

    @Test func aNewAttemptReplacesTheHandleOfAnEarlierOne() {
        let host = ScriptedHost([
            .identifyUser(true), .prompt("Ticket: ", answer: Array("x".utf8)),
            .call(call(#""ticket":"x""#), granted), .wipe, .setVariable("USHER_HANDLE", handle, true),
        ])
        host.variables["USHER_HANDLE"] = "zzzzzzzzzzzzzzzzzzzzzzzzzz"
        #expect(host.run { $0.authenticate() } == .success)
        #expect(host.variables["USHER_HANDLE"] == handle)
    }

    /// The answer is `text` in Latin-1, `times` over.
    @Test(arguments: [
        ("", 1, "empty"), ("x", 1001, "oversize"), ("\0", 250_000, "oversize"), ("a b", 1, "charset"),
        ("a+b", 1, "charset"), ("a=", 1, "charset"), ("\u{FF}", 1, "charset"),
        ("\u{8}\n\r\u{7F}INCORRECT", 3, "charset"),
    ])
    func whatCannotBeATicketIsNotSentButReported(text: String, times: Int, problem: String) {
        let answer = Array(repeating: text.unicodeScalars.map { UInt8($0.value) }, count: times).flatMap(\.self)
        let host = ScriptedHost([
            .identifyUser(true), .prompt("Ticket: ", answer: answer),
            .call(call(#""problem":"\#(problem)""#), .refusal),
            .wipe, .log("io.usher.Agent.Authenticate: refused (ref 7F3K-Q2)", error: 0),
            .showError("Ticket refused (ref 7F3K-Q2)"),
        ])
        #expect(host.run { $0.authenticate() } == .permissionDenied)
    }

    @Test func aTicketOfExactlyTheLimitIsSent() {
        let ticket = String(repeating: "x", count: 1000)
        let host = ScriptedHost([
            .identifyUser(true), .prompt("Ticket: ", answer: Array(ticket.utf8)),
            .call(call(#""ticket":"\#(ticket)""#), granted), .wipe, .setVariable("USHER_HANDLE", handle, true),
        ])
        #expect(host.run { $0.authenticate() } == .success)
    }

    @Test func theKeyThatSSHDAcceptedIsToldOnlyWhenTheServiceIsSSHD() {
        let info = "publickey ssh-ed25519 AAAAC3Nz\n"
        let told = ScriptedHost([
            .identifyUser(true), .prompt("Ticket: ", answer: Array("x".utf8)),
            .call(call(#""ticket":"x","authenticationInfo":"publickey ssh-ed25519 AAAAC3Nz\u000a""#), granted), .wipe,
            .setVariable("USHER_HANDLE", handle, true),
        ])
        told.variables["SSH_AUTH_INFO_0"] = info
        #expect(told.run { $0.authenticate() } == .success)

        let other = ScriptedHost([
            .identifyUser(true), .prompt("Ticket: ", answer: Array("x".utf8)),
            .call(call(#""ticket":"x""#, login: #"{"user":"alice","service":"su","remoteUser":"bob"}"#), granted),
            .wipe,
            .setVariable("USHER_HANDLE", handle, true),
        ])
        other.items = [.user: "alice", .service: "su", .terminal: "", .remoteUser: "bob"]
        other.variables["SSH_AUTH_INFO_0"] = info
        #expect(other.run { $0.authenticate() } == .success)
    }

    @Test func aRefusalIsShownWithItsReferenceUnlessPAMIsToBeSilent() {
        let events: [Event] = [
            .identifyUser(true), .prompt("Ticket: ", answer: Array("x".utf8)), .call(call(#""ticket":"x""#), .refusal),
            .wipe, .log("io.usher.Agent.Authenticate: refused (ref 7F3K-Q2)", error: 0),
        ]
        let loud = ScriptedHost(events + [.showError("Ticket refused (ref 7F3K-Q2)")])
        #expect(loud.run { $0.authenticate() } == .permissionDenied)
        #expect(ScriptedHost(events).run({ $0.authenticate() }, isSilent: true) == .permissionDenied)
    }

    @Test(arguments: [
        (AgentStage.socket, Int32(24), "socket for /run/usher/agent.sock"),
        (.connect, 111, "connect /run/usher/agent.sock"),
        (.peer, 0, "peer does not run as root: /run/usher/agent.sock"),
        (.request, 0, "request: longer than 8192 bytes, not sent to /run/usher/agent.sock"),
        (.send, 32, "send /run/usher/agent.sock"),
        (.receive, 110, "receive /run/usher/agent.sock"),
        (.closed, 0, "receive: closed before the end of the answer: /run/usher/agent.sock"),
        (.replyTooLong, 0, "receive: answer longer than 16384 bytes: /run/usher/agent.sock"),
        (.trailingBytes, 0, "receive: bytes behind the answer: /run/usher/agent.sock"),
    ])
    func anAgentThatCannotBeAskedMakesAuthenticationUnavailable(stage: AgentStage, error: Int32, line: String) {
        let host = ScriptedHost([
            .identifyUser(true), .prompt("Ticket: ", answer: Array("x".utf8)),
            .call(call(#""ticket":"x""#), .failed(stage, error: error)), .wipe,
            .log("io.usher.Agent.Authenticate: " + line, error: error), .showError("Ticket refused"),
        ])
        #expect(host.run { $0.authenticate() } == .authenticationUnavailable)
    }

    @Test(
        arguments: nonsense + [
            #"{"parameters":{}}"#, #"{"parameters":{"handle":1}}"#, #"{"parameters":{"handle":"abc"}}"#,
            #"{"parameters":{"handle":"ABCDEFGHIJKLMNOPQRSTUVWXYZ"}}"#,
            #"{"parameters":{"handle":"abcdefghijklmnopqrstuvwxy1"}}"#,
            #"{"parameters":{"handle":"abcdefghijklmnopqrstuvwxyz","x":1}}"#,
        ])
    func anAnswerThatIsNotExactlyRightMakesAuthenticationUnavailable(answer: String) {
        let host = ScriptedHost([
            .identifyUser(true), .prompt("Ticket: ", answer: Array("x".utf8)),
            .call(call(#""ticket":"x""#), .text(answer)), .wipe,
            .log("io.usher.Agent.Authenticate: answer: not what the interface describes", error: 0),
            .showError("Ticket refused"),
        ])
        #expect(host.run { $0.authenticate() } == .authenticationUnavailable)
    }

    @Test func aHandleThatLibpamDoesNotTakeRefusesTheLogin() {
        let host = ScriptedHost([
            .identifyUser(true), .prompt("Ticket: ", answer: Array("x".utf8)), .call(call(#""ticket":"x""#), granted),
            .wipe, .setVariable("USHER_HANDLE", handle, false), .log("pam_putenv: USHER_HANDLE not set", error: 0),
            .showError("Ticket refused"),
        ])
        #expect(host.run { $0.authenticate() } == .permissionDenied)
    }

    @Test func aConversationThatFailsIsToldToLibpamAndNotToTheOperator() {
        let line = Event.log("conversation: no answer to the prompt", error: 0)
        let prompt = ScriptedHost([.identifyUser(true), .prompt("Ticket: ", answer: nil), line])
        #expect(prompt.run { $0.authenticate() } == .conversationError)
        #expect(ScriptedHost([.identifyUser(false), line]).run { $0.authenticate() } == .conversationError)
    }

    @Test(
        arguments: [
            (PAMItem.user, nil, "PAM_USER is not set"), (.user, "", "PAM_USER is not set"),
            (.service, nil, "PAM_SERVICE is not set"),
            (.user, String(repeating: "u", count: 256), "PAM_USER is longer than 255 bytes"),
            (.user, "u\n", "PAM_USER is not printable ASCII"), (.user, "é", "PAM_USER is not printable ASCII"),
            (.terminal, String(repeating: "t", count: 256), "PAM_TTY is longer than 255 bytes"),
            (.remoteHost, "a\u{7F}", "PAM_RHOST is not printable ASCII"),
            (.remoteUser, "\u{1B}[2J", "PAM_RUSER is not printable ASCII"),
        ] as [(PAMItem, String?, String)])
    func aFactThatCannotBeToldAsItIsRefusesTheLoginAfterTheSamePrompt(item: PAMItem, value: String?, line: String) {
        let host = ScriptedHost([
            .identifyUser(true), .prompt("Ticket: ", answer: Array("x".utf8)), .wipe, .log(line, error: 0),
            .showError("Ticket refused"),
        ])
        host.items[item] = value
        #expect(host.run { $0.authenticate() } == .permissionDenied)
    }

    @Test func authenticationInfoThatIsNotTextRefusesTheLogin() {
        let host = ScriptedHost([
            .identifyUser(true), .prompt("Ticket: ", answer: Array("x".utf8)), .wipe,
            .log("SSH_AUTH_INFO_0 is not printable ASCII", error: 0), .showError("Ticket refused"),
        ])
        host.variables["SSH_AUTH_INFO_0"] = "publickey \u{1}"
        #expect(host.run { $0.authenticate() } == .permissionDenied)
    }

    @Test func namesOf255BytesAreToldWhole() {
        let user = String(repeating: "u", count: 255)
        let host = ScriptedHost([
            .identifyUser(true), .prompt("Ticket: ", answer: Array("x".utf8)),
            .call(call(#""ticket":"x""#, login: #"{"user":"\#(user)","service":"su"}"#), granted), .wipe,
            .setVariable("USHER_HANDLE", handle, true),
        ])
        host.items = [.user: user, .service: "su"]
        #expect(host.run { $0.authenticate() } == .success)
    }
}
