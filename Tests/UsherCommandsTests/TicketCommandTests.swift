import Foundation
import Testing
import UsherTicket
import UsherWire

@testable import UsherCommands

@Suite struct TicketIssueTests {
    @Test func theTicketAloneIsOnStandardOutputAndReadsBack() throws {
        let host = try TestHost()
        let console = TestConsole()
        let result = host.issue(
            "--actor", "agent:bot", "--owner", "human:bob", "--approval", "APR-1", "--change", "CHG-7", "--service",
            "sshd", "--service", "login", "--source", "192.0.2.0/24", "--max", "1h", "--idle", "15m", "--valid", "10m",
            "--not-before", "1m", "--command", "uptime", "--key-fingerprint",
            "SHA256:" + String(repeating: "A", count: 43), console: console)
        #expect(result.status == .success && result.lines.count == 1 && result.notices.isEmpty)
        let ticket = try TicketParser.parse(Array(result.output.utf8.dropLast()))
        let claims = ticket.unverifiedClaims
        let key = try PrivateKey(jwk: Array(host.directory.text("broker.jwk").utf8.dropLast())).publicKey
        #expect(ticket.verify(with: key))
        #expect(claims.audience == host.id && claims.issuer == "ci" && claims.subject == "human:alice")
        #expect(claims.actor == "agent:bot" && claims.owner == "human:bob" && claims.role == "dba")
        #expect(claims.approval == "APR-1" && claims.change == "CHG-7" && claims.services == ["sshd", "login"])
        #expect(claims.maximumDuration == 3600 && claims.idleTimeout == 900 && claims.command == "uptime")
        #expect(claims.issuedAt == console.now && claims.expiresAt == console.now + 600)
        #expect(claims.notBefore == console.now + 60 && claims.source?.description == "192.0.2.0/24")
        #expect(claims.key != nil && claims.use == .login)
        #expect(EphemeralAccount.uid(ofName: Array(claims.account.utf8).span) != nil)
    }

    @Test func withCountEachLineIsAnAccountAndATicketOfItsOwn() throws {
        let host = try TestHost()
        let result = host.issue("--count", "300")
        #expect(result.status == .success && result.lines.count == 300)
        var accounts: Set<String> = []
        var ids: Set<String> = []
        for line in result.lines {
            let words = line.split(separator: " ")
            let claims = try TicketParser.parse(Array(words[1].utf8)).unverifiedClaims
            #expect(words.count == 2 && claims.account == words[0])
            accounts.insert(claims.account)
            ids.insert(claims.ticketID)
        }
        #expect(accounts.count == 300 && ids.count == 300)
        let fixed = host.issue("--count", "3", "--account", "www")
        #expect(fixed.lines.allSatisfy { $0.hasPrefix("www ") } && Set(fixed.lines).count == 3)
    }

    @Test func jsonIsOneObjectATicket() throws {
        let host = try TestHost()
        let result = host.issue("--count", "2", "--json")
        #expect(result.lines.count == 2)
        for line in result.lines {
            let json = try JSONText.parse(String(line))
            let claims = try TicketParser.parse(Array(#require(json["ticket"]?.text).utf8)).unverifiedClaims
            #expect(json["account"] == .text(claims.account) && json["id"] == .text(claims.ticketID))
            #expect(json["expires"] == .integer(claims.expiresAt) && json["key"] == .text(claims.keyID))
        }
    }

    @Test func onATerminalStandardErrorSaysHowToLogInAndNeverTheTicket() throws {
        let host = try TestHost()
        let console = TestConsole()
        console.noticeStyle = Style(isTerminal: true, usesColour: false)
        let result = host.issue(console: console)
        let claims = try TicketParser.parse(Array(result.output.utf8.dropLast())).unverifiedClaims
        #expect(result.notices.contains("ssh \(claims.account)@") && result.notices.contains("in 5m"))
        #expect(!result.notices.contains(result.output.prefix(40)))
    }

    @Test(arguments: [
        (["--account", "a:b"], "--account"), (["--subject", "alice"], "--subject"), (["--role", "DBA"], "--role"),
        (["--host", "h-1"], "--host"), (["--issuer", "a b"], "--issuer"), (["--max", "8d"], "--max"),
        (["--subject", "agent:bot"], "--owner"), (["--service", "sudo"], "--target"),
        (["--command", String(repeating: "x", count: 500)], "shorten"),
    ])
    func claimsThatNoTicketMayCarryAreNamedByTheirOption(_ arguments: [String], _ expected: String) throws {
        let host = try TestHost()
        let result = TestConsole().run(
            ["ticket", "issue", "--key", host.directory.file("broker.jwk")]
                + Self.options(
                    ["--issuer": "ci", "--host": host.id, "--subject": "human:alice", "--role": "dba"], arguments))
        #expect(result.status == .failure && result.output.isEmpty)
        #expect(result.notices.contains(expected))
    }

    @Test(arguments: [
        ["--valid", "16m"], ["--valid", "0"], ["--valid", "-1"], ["--not-before", "5m"], ["--count", "0"],
        ["--count", "1000001"], ["--source", "192.0.2.1/24"], ["--key-fingerprint", "MD5:aa"], ["--max", "soon"],
    ])
    func optionsOutOfRangeAreAWrongCommandLine(_ arguments: [String]) throws {
        let host = try TestHost()
        let result = TestConsole().run(
            ["ticket", "issue", "--key", host.directory.file("broker.jwk"), "--issuer", "ci", "--host", host.id]
                + ["--subject", "human:alice", "--role", "dba"] + arguments)
        #expect(result.status == .usage && result.output.isEmpty)
    }

    @Test func aTicketIsNeverTakenFromTheCommandLine() {
        let result = TestConsole().run("ticket", "inspect", "eyJhbGciOiJFZERTQSJ9.e30.AAAA")
        #expect(result.status == .notFound)
    }

    /// Options as arguments; those given again replace the first.
    private static func options(_ defaults: [String: String], _ arguments: [String]) -> [String] {
        var options = defaults
        for index in stride(from: 0, to: arguments.count, by: 2) { options[arguments[index]] = arguments[index + 1] }
        return options.flatMap { [$0.key, $0.value] }
    }
}

@Suite struct TicketInspectTests {
    @Test func aTicketThatTheFilesAdmitIsAdmissible() throws {
        let host = try TestHost()
        #expect(host.trust("--role", "dba").status == .success)
        let result = host.inspect(host.issue().output)
        #expect(result.status == .success && result.notices.isEmpty)
        #expect(result.json?["admissible"] == .boolean(true) && result.json?["judge"] == .text("files"))
        #expect(result.json?["claims"]?["sub"] == .text("human:alice"))
    }

    @Test func aTicketBoundToASourceAndAKeyIsJudgedAsItsOwnLogin() throws {
        let host = try TestHost()
        #expect(host.trust("--role", "dba").status == .success)
        let ticket = host.issue(
            "--source", "192.0.2.0/24", "--key-fingerprint", "SHA256:" + String(repeating: "A", count: 43)
        ).output
        #expect(host.inspect(ticket).status == .success)
        #expect(host.inspect(ticket, "--from", "192.0.2.77").status == .success)
        let elsewhere = host.inspect(ticket, "--from", "198.51.100.1")
        #expect(elsewhere.status == .refused && elsewhere.json?["code"] == .text("wrongSource"))
    }

    @Test func eachReasonToRefuseIsStatusThreeWithItsCode() throws {
        let host = try TestHost()
        let untrusted = host.inspect(host.issue().output)
        #expect(untrusted.status == .refused && untrusted.json?["code"] == .text("unknownKey"))
        #expect(host.trust("--role", "dba").status == .success)
        let console = TestConsole()
        let ticket = host.issue(console: console).output
        let expected: [(TestConsole.Result, String)] = [
            (host.inspect(ticket, now: console.now + 400), "expired"),
            (host.inspect(host.issue("--not-before", "4m").output), "notYetValid"),
            (host.inspect(ticket, "--account", "root"), "wrongAccount"),
            (host.inspect(ticket, "--service", "login"), "wrongService"),
            (host.inspect(host.issue("--account", "www").output), "accountNotAllowedByTrust"),
            (host.inspect(host.issue("--command", "id").output), "commandNotEnforceable"),
            (host.inspect(String(ticket.dropLast(3)) + "AB\n"), "malformed"), (host.inspect(""), "emptyTicket"),
            (host.inspect(ticket + "x"), "malformed"),
            (host.inspect(String(repeating: "x", count: 1001)), "oversizeTicket"),
            (host.inspect("\u{1B}[2J"), "malformed"),
        ]
        for (result, code) in expected {
            #expect(result.status == .refused && result.json?["code"] == .text(code), "\(code): \(result.output)")
            #expect(result.json?["admissible"] == .boolean(false))
        }
    }

    @Test func anAlteredTicketShowsItsClaimsAndIsRefused() throws {
        let host = try TestHost()
        #expect(host.trust("--role", "dba").status == .success)
        let parts = host.issue().output.dropLast().split(separator: ".")
        let other = host.issue().output.dropLast().split(separator: ".")
        let result = host.inspect("\(parts[0]).\(parts[1]).\(other[2])")
        #expect(result.status == .refused && result.json?["code"] == .text("badSignature"))
    }

    @Test func theAgentJudgesWhenItAnswers() throws {
        let host = try TestHost()
        let ticket = host.issue().output
        let console = TestConsole()
        console.input = Array(ticket.utf8)
        let admitting = try ScriptedAgent(JSONObject([("admissible", .boolean(true))]))
        let admitted = console.run("ticket", "inspect", "--account", "www", "--socket", admitting.path)
        #expect(admitted.status == .success && admitted.lines.contains("judged by\tagent"))
        #expect(
            admitting.received[0].parameters
                == JSONObject([("ticket", .text(String(ticket.dropLast()))), ("account", .text("www"))]))
        let refusing = try ScriptedAgent(
            JSONObject([("admissible", .boolean(false)), ("code", .text("replayed")), ("reason", .text("used at 5"))]))
        let refused = console.run("ticket", "inspect", "--socket", refusing.path)
        #expect(refused.status == .refused && refused.lines.contains("code\treplayed"))
        #expect(refused.notices == "usher: this host would refuse the ticket: used at 5\n")
    }

    @Test func aCallerWhoMayNotAskGetsNoVerdict() throws {
        let host = try TestHost()
        let console = TestConsole()
        console.input = Array(host.issue().output.utf8)
        let agent = try ScriptedAgent(
            error: "io.usher.Control.NotPermitted", JSONObject([("what", .text("not you"))]))
        let result = console.run("ticket", "inspect", "--socket", agent.path)
        #expect(result.status == .notPermitted && result.output.isEmpty)
    }

    @Test func aFileIsReadLikeStandardInput() throws {
        let host = try TestHost()
        #expect(host.trust("--role", "dba").status == .success)
        let path = try host.directory.write("ticket", host.issue().output.dropLast() + "\r\n")
        #expect(TestConsole().run("ticket", "inspect", "--root", host.directory.path, path).status == .success)
        #expect(TestConsole().run("ticket", "inspect", "--root", host.directory.path, "/none").status == .notFound)
    }

    @Test func aWrongConfigurationAdmitsNothing() throws {
        let host = try TestHost()
        #expect(host.trust("--role", "dba").status == .success)
        let ticket = host.issue().output
        try host.directory.write("etc/usher/usherd.toml", "surprise = 1\n")
        let result = host.inspect(ticket)
        #expect(result.status == .failure && result.output.isEmpty && result.notices.contains("surprise"))
    }
}
