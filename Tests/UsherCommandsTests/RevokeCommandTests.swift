import Testing
import UsherTicket
import UsherWire

@testable import UsherCommands

@Suite struct RevokeCommandTests {
    static let revocation = JSONObject([
        ("id", .text("r-abcdefghij234567")), ("kind", .text("key")), ("value", .text("44OdtsPYTtc")),
        ("reason", .text("stolen")), ("by", .text("uid 0 (pid 7)")), ("at", .integer(1_700_000_000)),
        ("source", .text("command")),
    ])

    private func agent(_ revocation: JSONObject = revocation, warnings: [String] = []) throws -> ScriptedAgent {
        try ScriptedAgent(
            JSONObject([
                ("revocation", .object(revocation)), ("stoodBefore", .boolean(false)), ("sessionsEnded", .integer(2)),
                ("admissionsLapsed", .integer(1)), ("warnings", .texts(warnings)),
            ]))
    }

    @Test func theAnswerSaysWhatWasEndedAndHowItIsLifted() throws {
        let agent = try agent(warnings: ["no trust entry has key 44OdtsPYTtc"])
        let result = TestConsole().run("revoke", "key", "44OdtsPYTtc", "--reason", "stolen", "--socket", agent.path)
        #expect(result.status == .success)
        #expect(
            result.output == """
                r-abcdefghij234567: key 44OdtsPYTtc is revoked; 2 sessions ended, 1 waiting login lapsed
                Refused until: usher revoke lift r-abcdefghij234567 --reason TEXT

                """)
        #expect(result.notices == "usher: warning: no trust entry has key 44OdtsPYTtc\n")
        let call = try #require(agent.received.first)
        #expect(String(decoding: call.method, as: UTF8.self) == "io.usher.Control.Revoke")
        #expect(call.parameters["kind"] == .text("key") && call.parameters["value"] == .text("44OdtsPYTtc"))
        #expect(call.parameters["reason"] == .text("stolen") && call.parameters["issuer"] == nil)
    }

    @Test func allHasNoValue() throws {
        let agent = try agent()
        let result = TestConsole().run("revoke", "all", "--reason", "INC-7", "--json", "--socket", agent.path)
        #expect(result.status == .success && result.json?["sessionsEnded"] == .integer(2))
        #expect(agent.received.first?.parameters["value"] == nil)
    }

    @Test(arguments: [
        ["key", "44Odts"], ["key", "44OdtsPYTtc="], ["subject", "alice"], ["subject", "human:a b"], ["role", "*"],
        ["role", "DBA"], ["account", "a/b"], ["account", ""], ["ticket", "AAAA"], ["all", "everything"],
        ["ticket", "AAECAwQFBgcICQoLDA0ODw", "--issuer", "a b"],
    ]) func whatNoTicketCouldMatchIsAMistakeOfTheCommandLine(_ words: [String]) throws {
        let agent = try agent()
        let result = TestConsole().run(["revoke"] + words + ["--reason", "r", "--socket", agent.path])
        #expect(result.status == .usage && agent.received.isEmpty)
    }

    @Test(arguments: ["", "two\nlines", "é", String(repeating: "a", count: 201)])
    func aReasonIsOneLineOfPrintableASCII(_ reason: String) throws {
        let result = TestConsole().run("revoke", "role", "dba", "--reason", reason, "--socket", "/nonexistent")
        #expect(result.status == .usage && result.notices.contains("--reason"))
    }

    @Test func aListThatWasIssuedIsTheListThatIsChecked() throws {
        let host = try TestHost()
        try host.directory.write(
            "entries", #"[{"kind":"role","value":"dba","reason":"freeze"},{"kind":"all","reason":"stop"}]"#)
        #expect(TestConsole().run("key", "new", "--out", host.directory.file("soc.jwk")).status == .success)
        let issued = TestConsole().run(
            "revoke", "issue", "--key", host.directory.file("soc.jwk"), "--issuer", "soc", "--number", "7",
            host.directory.file("entries"))
        #expect(issued.status == .success && issued.lines.count == 1)
        let list = try RevocationListParser.parse(Array(issued.output.utf8.dropLast())).unverified
        #expect(list.number == 7 && list.issuer == "soc" && list.entries.map(\.kind) == [.role, .all])
        for (text, what) in [
            ("{}", "not a JSON array"), ("[1]", "entry 1 of rev"), ("[", "at byte 1"),
            (#"[{"kind":"role","value":"*","reason":"r"}]"#, "value is not"),
        ] {
            try host.directory.write("wrong", text)
            let result = TestConsole().run(
                "revoke", "issue", "--key", host.directory.file("soc.jwk"), "--issuer", "soc", "--number", "7",
                host.directory.file("wrong"))
            #expect(result.status == .failure && result.notices.contains(what), "\(text): \(result.notices)")
        }
    }

    @Test func bytesThatAreNoListAreRefusedByAnyHost() throws {
        let directory = try TemporaryDirectory()
        try directory.write("list", "garbage")
        let result = TestConsole().run("revoke", "check", directory.file("list"))
        #expect(result.status == .refused && result.notices.contains("malformed"))
    }
}
