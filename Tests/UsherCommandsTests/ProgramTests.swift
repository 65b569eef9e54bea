import Foundation
import Testing
import UsherWire

@testable import UsherCommands

@Suite struct ProgramTests {
    @Test func helpIsWhatWasAskedForAndGoesToStandardOutput() {
        for arguments in [["--help"], ["help"], ["session", "--help"], ["help", "session", "end"], ["why", "-h"]] {
            let result = TestConsole().run(arguments)
            #expect(result.status == .success && result.notices.isEmpty)
            #expect(result.output.contains("USAGE: usher"))
        }
        #expect(TestConsole().run("--version").output == "usher \(Version.current)\n")
    }

    @Test(
        arguments: [
            [], ["session"], ["ticket"], ["nonsense"], ["session", "list", "--nonsense"], ["session", "show"],
            ["session", "show", "s-1"], ["why", "x"], ["session", "list", "--limit", "5"],
            ["session", "list", "extra"],
            ["session", "end", "s-abcdefghij234567"], ["session", "end", "s-abcdefghij234567", "--reason", "a\nb"],
            ["session", "end", "s-abcdefghij234567", "--reason", " "], ["key", "trust", "--issuer", "x", "file"],
        ] as [[String]])
    func aWrongCommandLineIsStatusTwoWithNothingOnStandardOutput(_ arguments: [String]) {
        let result = TestConsole().run(arguments)
        #expect(result.status == .usage)
        #expect(result.output.isEmpty && !result.notices.isEmpty)
    }

    @Test func outputThatCannotBeWrittenIsAFailure() throws {
        let console = TestConsole()
        console.outputFails = true
        let agent = try ScriptedAgent(Samples.sessions(Samples.session()))
        let result = console.run("session", "list", "--socket", agent.path)
        #expect(result.status == .failure)
        #expect(result.notices == "usher: write to standard output: No space left on device\n")
        #expect(console.run("--help").status == .failure)
    }

    @Test(arguments: [
        (ScriptedAgent.Answer.close, UsherCommands.ExitStatus.agentUnreachable), (.bytes([0x78, 0]), .failure),
        (error("io.usher.Control.NotPermitted", "what", "no"), .notPermitted),
        (error("io.usher.Control.NotFound", "what", "it"), .notFound),
    ])
    func eachFailureOfTheAgentHasItsStatusAndOneLine(_ answer: ScriptedAgent.Answer, _ status: UsherCommands.ExitStatus)
        throws
    {
        let agent = try ScriptedAgent(answer)
        let result = TestConsole().run("session", "show", "s-abcdefghij234567", "--socket", agent.path)
        #expect(result.status == status && result.output.isEmpty)
        #expect(result.notices.hasPrefix("usher: ") && result.notices.split(separator: "\n").count == 1)
    }

    @Test func whatTheAgentSaysCannotSteerTheTerminal() throws {
        let agent = try ScriptedAgent(Self.error("io.usher.Control.NotFound", "what", "\u{1B}[2J\nusher: fine"))
        let result = TestConsole().run("session", "show", "s-abcdefghij234567", "--socket", agent.path)
        #expect(result.notices == "usher: not found: \\u{1b}[2J\\u{a}usher: fine\n")
    }

    @Test func noFailureHasTheStatusOfSuccess() {
        #expect(UsherCommands.ExitStatus(rawValue: 0) == .success)
        let statuses: [UsherCommands.ExitStatus] = [
            .failure, .usage, .refused, .agentUnreachable, .notPermitted, .notFound,
        ]
        #expect(statuses.map(\.rawValue) == [1, 2, 3, 4, 5, 6])
    }

    private static func error(_ name: String, _ member: String, _ value: String) -> ScriptedAgent.Answer {
        .bytes(VarlinkReply(error: Array(name.utf8), parameters: JSONObject([(member, .text(value))])).frame())
    }
}

@Suite struct SessionCommandTests {
    @Test func listPrintsATableInAPipe() throws {
        let agent = try ScriptedAgent(Samples.sessions(Samples.session()))
        let result = TestConsole().run("session", "list", "--socket", agent.path)
        #expect(result.status == .success)
        #expect(
            result.output == """
                SESSION\tSTATE\tACCOUNT\tSUBJECT\tROLE\tFROM\tOPENED\tENDS
                s-abcdefghij234567\topen\tu-k3j7x2mag5\thuman:alice\tdba\t192.0.2.7\t\
                2023-11-14T22:13:20Z\t2023-11-14T23:13:20Z

                """)
    }

    @Test func listPrintsWhatTheAgentSentAsJSON() throws {
        let session = Samples.session(("actor", .text("agent:bot")))
        let agent = try ScriptedAgent(Samples.sessions(session))
        let result = TestConsole().run("session", "list", "--json", "--socket", agent.path)
        #expect(result.json == .array([.object(session)]))
        #expect(result.json?[0]?["openedAt"] == .integer(1_700_000_000))
    }

    @Test func noSessionsAreAnEmptyListAndNoFailure() throws {
        let agent = try ScriptedAgent(Samples.sessions())
        let console = TestConsole()
        #expect(console.run("session", "list", "--json", "--socket", agent.path).output == "[]\n")
        #expect(console.run("session", "list", "--socket", agent.path).lines.count == 1)
        console.style = Style(isTerminal: true, usesColour: false)
        #expect(console.run("session", "list", "--socket", agent.path).output == "No live sessions.\n")
    }

    @Test func allShowsHowSessionsEnded() throws {
        let closed = Samples.session(
            ("state", .text("closed")), ("closedAt", .integer(1_700_000_060)), ("endReason", .text("deadline")))
        let agent = try ScriptedAgent(Samples.sessions(closed, Samples.session()))
        let result = TestConsole().run("session", "list", "--all", "--limit", "10", "--socket", agent.path)
        #expect(result.lines[0].hasSuffix("\tENDED\tREASON\tLEFT"))
        #expect(result.lines[1].hasSuffix("\t2023-11-14T22:14:20Z\tdeadline\t-"))
        #expect(result.lines[2].hasSuffix("\t-\t-"))
        #expect(agent.received[0].parameters == JSONObject([("all", .boolean(true)), ("limit", .integer(10))]))
    }

    @Test func showPrintsEveryFieldThatIsThere() throws {
        let agent = try ScriptedAgent(JSONObject([("session", .object(Samples.session()))]))
        let console = TestConsole()
        let result = console.run("session", "show", "s-abcdefghij234567", "--socket", agent.path)
        for line in [
            "session\ts-abcdefghij234567", "state\topen", "subject\thuman:alice", "idle limit\t900",
            "audit session\t42", "ends\t2023-11-14T23:13:20Z",
        ] {
            #expect(result.lines.contains(Substring(line)))
        }
        #expect(!result.output.contains("actor"))
        let json = console.run("session", "show", "s-abcdefghij234567", "--json", "--socket", agent.path)
        #expect(json.json == .object(Samples.session()))
    }

    @Test func endSaysWhyAndWhetherToWait() throws {
        let closed = Samples.session(("state", .text("closed")))
        let agent = try ScriptedAgent(JSONObject([("session", .object(closed))]))
        let result = TestConsole().run(
            "session", "end", "s-abcdefghij234567", "--reason", "withdrawn", "--wait", "--socket", agent.path)
        #expect(result.status == .success && result.output == "s-abcdefghij234567\tclosed\n")
        #expect(
            agent.received[0].parameters
                == JSONObject([
                    ("id", .text("s-abcdefghij234567")), ("reason", .text("withdrawn")), ("wait", .boolean(true)),
                ]))
    }

    @Test func aSessionThatDoesNotCloseIsAFailureOnlyWhenWaitedFor() throws {
        let closing = Samples.session(("state", .text("closing")))
        let agent = try ScriptedAgent(JSONObject([("session", .object(closing))]))
        let arguments = ["session", "end", "s-abcdefghij234567", "--reason", "x", "--socket", agent.path]
        #expect(TestConsole().run(arguments).status == .success)
        let waited = TestConsole().run(arguments + ["--wait"])
        #expect(waited.status == .failure && waited.notices.contains("still closing"))
    }

    @Test func whyTellsTheReason() throws {
        let refusal = JSONObject([
            ("reference", .text("7F3K-Q2")), ("at", .integer(1_700_000_000)), ("code", .text("expired")),
            ("reason", .text("good until 1")), ("account", .text("u-k3j7x2mag5")), ("service", .text("sshd")),
        ])
        let agent = try ScriptedAgent(refusal)
        let console = TestConsole()
        let result = console.run("why", "7f3k-q2", "--socket", agent.path)
        #expect(result.lines.contains("reason\tgood until 1") && result.lines.contains("code\texpired"))
        #expect(agent.received[0].parameters["reference"] == .text("7F3K-Q2"))
        #expect(console.run("why", "7F3K-Q2", "--json", "--socket", agent.path).json == .object(refusal))
    }
}
