import Foundation
import Testing
import UsherWire

@testable import UsherCommands

@Suite struct HostCommandTests {
    @Test func enrolmentMakesTheIdAndTheDirectories() throws {
        let host = try TestHost()
        #expect(host.id.hasPrefix("h-") && host.id.utf8.count == 18)
        #expect(try host.directory.text("etc/usher/host-id") == host.id + "\n")
        #expect(try host.directory.mode("etc/usher/host-id") == 0o644)
        #expect(try host.directory.mode("etc/usher") == 0o755)
        #expect(try host.directory.mode("etc/usher/trust.d") == 0o755)
        #expect(try host.directory.mode("etc/usher/roles.d") == 0o755)
        #expect(try host.directory.mode("var/lib/usher") == 0o700)
        let shown = TestConsole().run("host", "show", "--root", host.directory.path, "--json")
        #expect(shown.json?["id"] == .text(host.id) && shown.json?["agent"] == .null)
    }

    @Test func anIdIsReplacedOnlyByForceAndWithAWarning() throws {
        let host = try TestHost()
        let refused = TestConsole().run("host", "enrol", "--root", host.directory.path)
        #expect(refused.status == .failure && refused.notices.contains("--force"))
        #expect(try host.directory.text("etc/usher/host-id") == host.id + "\n")
        let forced = TestConsole().run("host", "enrol", "--force", "--json", "--root", host.directory.path)
        #expect(forced.status == .success && forced.notices.contains("tickets for the former id are refused"))
        #expect(forced.json?["id"] != .text(host.id))
        #expect(try host.directory.text("etc/usher/host-id") == (forced.json?["id"]?.text ?? "") + "\n")
    }

    @Test func whatAnAdministratorNarrowedStaysNarrow() throws {
        let directory = try TemporaryDirectory()
        for (path, mode) in [("etc/usher/trust.d", 0o750), ("var/lib", 0o755)] {
            try FileManager.default.createDirectory(
                atPath: directory.file(path), withIntermediateDirectories: true,
                attributes: [.posixPermissions: mode])
        }
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o750], ofItemAtPath: directory.file("etc/usher/trust.d"))
        #expect(TestConsole().run("host", "enrol", "--root", directory.path).status == .success)
        #expect(try directory.mode("etc/usher/trust.d") == 0o750)
    }

    @Test(arguments: ["", "h-1\n", "h-abcdefghij23456A\n", "h-abcdefghij234567\n\n", "h-abcdefghij234567 \n"])
    func anIdThatIsNoneIsRefused(_ text: String) throws {
        let host = try TestHost()
        try host.directory.write("etc/usher/host-id", text)
        #expect(TestConsole().run("host", "show", "--root", host.directory.path).status == .failure)
    }

    @Test func aHostThatIsNotEnrolledSaysWhatToDo() throws {
        let directory = try TemporaryDirectory()
        try FileManager.default.createDirectory(
            atPath: directory.file("etc/usher"), withIntermediateDirectories: true)
        let result = TestConsole().run("host", "show", "--root", directory.path)
        #expect(result.status == .notFound && result.notices.contains("usher host enrol"))
    }

    @Test func enrolmentInADirectoryThatOthersMayWriteToFails() throws {
        let directory = try TemporaryDirectory()
        try FileManager.default.createDirectory(
            atPath: directory.file("etc/usher"), withIntermediateDirectories: true)
        try FileManager.default.createDirectory(
            atPath: directory.file("var/lib"), withIntermediateDirectories: true)
        try directory.setMode(0o777, "etc/usher")
        let result = TestConsole().run("host", "enrol", "--root", directory.path)
        #expect(result.status == .failure && result.output.isEmpty)
    }

    @Test func anIdThatOthersCouldHaveWrittenIsNotBelieved() throws {
        let host = try TestHost()
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o666], ofItemAtPath: host.directory.file("etc/usher/host-id"))
        #expect(TestConsole().run("host", "show", "--root", host.directory.path).status == .failure)
    }
}

@Suite struct RoleCommandTests {
    @Test func offlineRolesHaveTheFormOfTheAgents() throws {
        let host = try TestHost()
        let result = TestConsole().run("role", "list", "--json", "--root", host.directory.path)
        #expect(result.status == .success)
        #expect(result.json?[0]?["name"] == .text("dba") && result.json?[0]?["maxDuration"] == .integer(3600))
        #expect(result.json?[0]?["accounts"] == .texts(["ephemeral"]) && result.json?[0]?["idleTimeout"] == nil)
        let table = TestConsole().run("role", "list", "--root", host.directory.path)
        #expect(table.lines.last == "dba\tephemeral\t-\tsshd\t-\t3600\t-\t/bin/bash\tno")
    }

    @Test func rolesComeFromTheAgentWhenItAnswers() throws {
        let host = try TestHost()
        let offline = TestConsole().run("role", "list", "--json", "--root", host.directory.path)
        let agent = try ScriptedAgent(JSONObject([("roles", offline.json)]))
        #expect(TestConsole().run("role", "list", "--json", "--socket", agent.path).output == offline.output)
    }

    @Test func aMistakeHasItsFileLineAndColumn() throws {
        let host = try TestHost()
        let path = try host.directory.write(
            "etc/usher/roles.d/bad.toml", "name = \"bad\"\nmax_duration = 60\nsurprise = true\n")
        for arguments in [[path], ["--root", host.directory.path]] {
            let result = TestConsole().run(["role", "check"] + arguments)
            #expect(result.status == .failure)
            #expect(result.notices.contains("\(path):3:1: error:") && result.notices.contains("surprise = true"))
            #expect(result.notices.hasSuffix("usher: the roles have 1 mistake\n"))
        }
        let json = TestConsole().run("role", "check", "--json", path)
        #expect(json.status == .failure && json.json?[0]?["line"] == .integer(3))
        #expect(json.json?[0]?["file"] == .text(path) && json.json?[0]?["severity"] == .text("error"))
    }

    @Test func rightRolesAreCounted() throws {
        let host = try TestHost()
        #expect(TestConsole().run("role", "check", "--root", host.directory.path).output == "1 role, no mistakes\n")
        #expect(TestConsole().run("role", "check", "--json", "--root", host.directory.path).output == "[]\n")
        let result = TestConsole().run("role", "check", host.directory.file("none.toml"))
        #expect(result.status == .notFound && result.output.isEmpty)
    }

    @Test func aTrustEntryForAnUnknownRoleIsAWarningAndNoMistake() throws {
        let host = try TestHost()
        #expect(host.trust("--role", "dba", "--role", "other").status == .success)
        let result = TestConsole().run("role", "check", "--root", host.directory.path)
        #expect(result.status == .success && result.notices.contains("warning: this host has no role other"))
    }
}

@Suite struct DaemonCommandTests {
    @Test func checkCountsWhatIsRight() async throws {
        let host = try TestHost()
        #expect(host.trust("--role", "dba").status == .success)
        let result = await TestConsole().runDaemon("--check", "--config", host.directory.file("etc/usher/usherd.toml"))
        #expect(result.output == "host \(host.id): 1 trust entry, 1 role, no mistakes\n")
        #expect(result.status == .success)
    }

    @Test func checkShowsEveryMistakeAndFails() async throws {
        let host = try TestHost()
        try host.directory.write("etc/usher/usherd.toml", "skew = 61\nsurprise = 1\n")
        try host.directory.write("etc/usher/trust.d/bad.toml", "issuer = 1\n")
        try host.directory.write("etc/usher/roles.d/odd.toml", "name = \"other\"\nmax_duration = 60\n")
        let result = await TestConsole().runDaemon("--check", "--config", host.directory.file("etc/usher/usherd.toml"))
        #expect(result.status == .failure && result.output.isEmpty)
        for part in ["usherd.toml:1:", "usherd.toml:2:", "bad.toml:1:", "odd.toml:1:"] {
            #expect(result.notices.contains(part))
        }
    }

    @Test func aWrongCommandLineStartsNothing() async {
        for arguments in [["--nonsense"], ["--config"], ["extra"]] {
            let result = await TestConsole().runDaemon(arguments.joined(separator: " "))
            #expect(result.status == .usage && result.output.isEmpty)
        }
    }

    @Test func helpAndVersionAreForStandardOutput() async {
        #expect(await TestConsole().runDaemon("--version").output == "usherd \(Version.current)\n")
        #expect(await TestConsole().runDaemon("--help").output.contains("--check"))
    }
}
