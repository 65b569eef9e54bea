import Testing
import UsherWire

@testable import UsherCommands

@Suite struct ResidueCommandTests {
    private static func residue(_ changes: (String, JSONValue?)...) -> JSONObject {
        var members: [(String, JSONValue?)] = [
            ("uid", .integer(1_954_321_987)), ("cause", .text("files")), ("session", .text("s-abcdefghij234567")),
            ("account", .text("u-k3j7x2mag5")), ("found", .integer(2)),
            (
                "findings",
                .array([
                    .record(["kind": .text("file"), "what": .text("/srv/\u{1B}[2Jx"), "count": .integer(1)])
                ])
            ),
            ("foundAt", .integer(1_700_000_000)), ("seenAt", .integer(1_700_000_060)),
        ]
        for (name, value) in changes {
            members.removeAll { $0.0 == name }
            members.append((name, value))
        }
        return JSONObject(members)
    }

    private static func job(_ state: String, handled: Int64 = 0, problems: [String] = []) -> JSONObject {
        JSONObject([
            ("state", .text(state)), ("entries", .integer(500_000)), ("place", .text("/srv")), ("uids", .integer(1)),
            ("found", .integer(2)), ("handled", .integer(handled)), ("complete", .boolean(problems.isEmpty)),
            ("problems", .texts(problems)),
        ])
    }

    private static func agent(_ answers: JSONObject...) throws -> ScriptedAgent {
        let frames = answers.map { ScriptedAgent.Answer.bytes(VarlinkReply(parameters: $0).frame()) }
        return try ScriptedAgent(frames)
    }

    private static func list(_ residue: JSONObject...) -> JSONObject {
        JSONObject([("residue", .array(residue.map { .object($0) }))])
    }

    @Test func aScanWaitsForItsJobAndShowsWhatIsLeft() throws {
        let agent = try Self.agent(
            JSONObject([("job", .integer(3))]), Self.job("running"), Self.job("done", problems: ["open /srv/x: no"]),
            Self.list(Self.residue()))
        let result = TestConsole().run("residue", "scan", "--path", "/srv", "--socket", agent.path)
        #expect(result.status == .success && result.notices == "usher: not seen: open /srv/x: no\n")
        #expect(result.lines[1].hasPrefix("1954321987\tfiles\t2\tu-k3j7x2mag5\ts-abcdefghij234567\t"))
        #expect(!result.output.contains("\u{1B}"))
        #expect(
            agent.received.map { String(decoding: $0.method, as: UTF8.self) }.map { $0.split(separator: ".").last } == [
                "ScanResidue", "ShowResidueJob", "ShowResidueJob", "ListResidue",
            ])
        #expect(agent.received[0].parameters == JSONObject([("paths", .texts(["/srv"]))]))
        #expect(agent.received[1].parameters == JSONObject([("job", .integer(3))]))
    }

    @Test func onATerminalAScanTellsHowFarItIs() throws {
        let agent = try Self.agent(
            JSONObject([("job", .integer(3))]), Self.job("running"), Self.job("done"), Self.list())
        let console = TestConsole()
        console.noticeStyle = Style(isTerminal: true, usesColour: false)
        let result = console.run("residue", "scan", "--socket", agent.path)
        #expect(result.output == "nothing left\n" && result.notices.contains("500000 entries, in /srv"))
    }

    @Test func anAdoptionThatLeavesSomethingIsAFailure() throws {
        let arguments = ["residue", "adopt", "1954321987", "--to", "alice", "--reason", "hers", "--socket"]
        let clean = try Self.agent(JSONObject([("job", .integer(1))]), Self.job("done", handled: 2), Self.list())
        let done = TestConsole().run(arguments + [clean.path])
        #expect(done.status == .success && done.output == "2 adopted\n")
        #expect(
            clean.received[0].parameters
                == JSONObject([
                    ("owner", .text("alice")), ("reason", .text("hers")), ("uid", .integer(1_954_321_987)),
                ]))
        let held = try Self.agent(
            JSONObject([("job", .integer(1))]), Self.job("done", handled: 1), Self.list(Self.residue()))
        let failed = TestConsole().run(arguments + [held.path])
        #expect(failed.status == .failure && failed.notices.contains("stays in quarantine"))
        let broken = try Self.agent(JSONObject([("job", .integer(1))]), Self.job("failed", problems: ["disk full"]))
        let result = TestConsole().run("residue", "remove", "1954321987", "--reason", "x", "--socket", broken.path)
        #expect(result.status == .failure && result.notices.contains("disk full"))
    }

    @Test func theListShowsSettledResidueOnlyWhenAsked() throws {
        let settled = Self.residue(
            ("settled", .text("adopted")), ("settledAt", .integer(1_700_000_100)),
            ("settledBy", .text("uid 0 (pid 7)")),
            ("settledReason", .text("to alice: hers")))
        let agent = try Self.agent(Self.list(settled))
        let result = TestConsole().run("residue", "list", "--all", "--socket", agent.path)
        #expect(result.lines[1].hasSuffix("\tadopted\tuid 0 (pid 7)\tto alice: hers"))
        #expect(agent.received[0].parameters == JSONObject([("all", .boolean(true))]))
        let one = try Self.agent(Self.list(Self.residue()))
        let detailed = TestConsole().run("residue", "list", "--uid", "1954321987", "--socket", one.path)
        #expect(detailed.lines.last == "file\t1\t/srv/\\u{1b}[2Jx")
    }

    @Test(
        arguments: [
            ["residue"], ["residue", "adopt", "1954321987", "--to", "alice"],
            ["residue", "adopt", "x", "--to", "alice", "--reason", "r"],
            ["residue", "remove", "1954321987", "--reason", "a\nb"], ["residue", "scan", "--path", "srv"],
        ] as [[String]])
    func aWrongCommandLineAsksNobody(_ arguments: [String]) {
        #expect(TestConsole().run(arguments).status == .usage)
    }
}
