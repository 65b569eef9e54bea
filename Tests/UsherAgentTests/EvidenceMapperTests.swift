import Testing
import UsherEvidence
import UsherStore
import UsherWire

@testable import UsherAgent

@Suite struct EvidenceMapperTests {
    private static let session = knownSession("s-a", uid: 1_900_000_000, ses: 40)
    private let mapper = EvidenceMapper(bootID: "boot", mask: SecretMask())

    private func record(_ event: AuditEvent) -> EvidenceRecord? {
        mapper.record(event, .session(Self.session, .kernel, why: nil))
    }

    @Test func anExecNamesProgramArgumentsPlaceAndWho() throws {
        let found = try #require(
            record(exec(["mysql", "-psecret", "\u{FF}é"], serial: 24287, auid: 1_900_000_000, ses: 40, uid: 0)))
        #expect(found.category == .processActivity && found.activity == 1 && found.kind == "exec")
        #expect(found.session == "s-a" && found.attribution == .kernel && found.milliseconds == 2_000_000)
        #expect(found.message == "u-k3j7x2mag5 ran mysql -p*** \u{FF}é")
        #expect(found.attributes.text("process", "cmd_line") == "mysql -p*** \u{FF}é")
        #expect(found.attributes.text("process", "file", "path") == "/usr/bin/id")
        #expect(found.attributes.text("process", "user", "uid") == "0")
        #expect(found.attributes.text("actor", "user", "uid") == "1900000000")
        #expect(found.attributes.text("actor", "session", "uid") == "s-a")
        #expect(found.attributes.at("status_id") == .integer(1))
        #expect(found.details.text("event") == "2000.000:24287" && found.details.text("cwd") == "/srv")
        #expect(found.details.at("masked") == .integer(1))
        #expect(found.details.text("subject") == Self.session.ticket.subject)
    }

    @Test func argumentsThatAreNoTextAreKeptExactly() throws {
        var event = exec(["x"])
        event.command = .init(arguments: [[0x78], [0xFF, 0x00, 0x1B]], isCut: true)
        let found = try #require(record(event))
        #expect(
            found.details.at("arguments")
                == .array([.string([0x78]), .object(JSONObject(["hex": .text("ff001b")]))]))
        #expect(found.details.at("cut") == .boolean(true))
        #expect(found.attributes.text("process", "cmd_line") == "x \u{FFFD}\u{FFFD}\u{FFFD}")
    }

    @Test func aFailedExecSaysWhatCouldNotBeRun() throws {
        var event = exec(["nothing"])
        event.systemCall = .init(name: "execve", succeeded: false, exit: -2)
        event.paths = [.init(name: Array("bin/nothing".utf8), kind: "NORMAL")]
        let found = try #require(record(event))
        #expect(found.attributes.at("status_id") == .integer(2) && found.attributes.text("status_code") == "2")
        #expect(found.attributes.text("process", "file", "path") == "/srv/bin/nothing")
        #expect(found.message.hasSuffix(": failed"))
        // Of a program that it did not find the kernel has no arguments.
        event.command = nil
        event.paths = [.init(name: Array("/nowhere/absent".utf8), kind: "UNKNOWN")]
        #expect(record(event)?.message == "u-k3j7x2mag5 ran /nowhere/absent: failed")
    }

    @Test func connectsListensAndAcceptsNameTheOtherEnd() throws {
        for (call, kind, activity, place) in [
            ("connect", "connect", 1, "dst_endpoint"), ("bind", "listen", 7, "src_endpoint"),
            ("accept4", "accept", 1, "src_endpoint"),
        ] {
            var one = event()
            one.systemCall = .init(name: call, succeeded: true, exit: 0)
            one.address = .internet(address: "2001:db8::1", port: 443)
            let found = try #require(record(one))
            #expect(found.category == .networkActivity && found.activity == activity && found.kind == kind)
            #expect(found.attributes.text(place, "ip") == "2001:db8::1")
            #expect(found.attributes.at(place, "port") == .integer(443))
            #expect(found.message.contains("[2001:db8::1]:443"))
        }
    }

    @Test(arguments: [
        ("openat", [0, 0, 0x241, 0] as [UInt64], 1), ("openat", [0, 0, 1, 0], 3), ("openat", [0, 0, 0, 0], 2),
        ("open", [0, 2, 0, 0], 3), ("unlinkat", [], 4), ("renameat2", [], 5), ("fchmodat", [], 7), ("mount", [], 12),
    ])
    func filesAreReadWrittenRemovedAndMore(call: String, arguments: [UInt64], activity: Int) throws {
        var one = event()
        one.systemCall = .init(name: call, succeeded: true, exit: 0, arguments: arguments)
        one.workingDirectory = Array("/etc".utf8)
        one.paths = [
            .init(name: Array("/etc".utf8), kind: "PARENT"), .init(name: Array("pam.d/x".utf8), kind: "CREATE"),
        ]
        let found = try #require(record(one))
        #expect(found.category == .fileSystemActivity && found.activity == activity && found.kind == "file")
        #expect(found.attributes.text("file", "path") == "/etc/pam.d/x")
    }

    @Test(arguments: [
        ("USER_CMD", "/usr/bin/sudo", "privilege", EvidenceRecord.Class.processActivity, 5),
        ("USER_START", "/usr/bin/su", "privilege", .processActivity, 5),
        ("USER_START", "/usr/sbin/sshd", "login", .authentication, 1),
        ("USER_END", "/usr/sbin/sshd", "login", .authentication, 2),
        ("USER_AUTH", "/usr/bin/su", "authentication", .authentication, 99),
        ("ADD_USER", "/usr/sbin/useradd", "account", .accountChange, 1),
        ("DEL_USER", "/usr/sbin/userdel", "account", .accountChange, 6),
        ("USER_CHAUTHTOK", "/usr/bin/passwd", "account", .accountChange, 3),
        ("CONFIG_CHANGE", "", "audit-config", .entityManagement, 3),
        ("DAEMON_END", "", "audit-config", .entityManagement, 4),
        ("ANOM_ABEND", "/usr/bin/x", "anomaly", .base, 99),
    ])
    func recordsOfProgramsHaveTheClassOfWhatTheySay(
        type: String, executable: String, kind: String, category: EvidenceRecord.Class, activity: Int
    ) throws {
        let one = event(type, executable: executable, fields: [("acct", "alice"), ("res", "failed")])
        let found = try #require(record(one))
        #expect(found.kind == kind && found.category == category && found.activity == activity)
        #expect(found.attributes.at("status_id") == .integer(2))
        #expect(found.details.text("record") == type && found.details.text("field_acct") == "alice")
    }

    @Test func theTagIsToldFromOtherManagement() throws {
        let tag = event("USER_MGMT", fields: [("op", "usher-session-begin"), ("session", "s-a")])
        #expect(try #require(record(tag)).kind == "tag")
    }

    @Test func whatSudoLogsIsMasked() throws {
        let one = event(
            "USER_CMD", executable: "/usr/bin/sudo", fields: [("cmd", "mysql -psecret"), ("res", "success")])
        let found = try #require(record(one))
        #expect(found.attributes.text("process", "cmd_line") == "mysql -p***")
        #expect(found.details.at("masked") == .integer(1) && found.details.at("field_cmd") == nil)
    }

    @Test func ofStrangersOnlyChangesOfAuditAreKept() throws {
        #expect(mapper.record(exec(["id"]), .none) == nil)
        let off = try #require(mapper.record(event("CONFIG_CHANGE", fields: [("audit_enabled", "0")]), .none))
        #expect(off.session == nil && off.severity == .high)
        let unknown = try #require(mapper.record(exec(["id"]), .unknown(why: "a job")))
        #expect(unknown.session == nil && unknown.attribution == .unknown && unknown.details.text("why") == "a job")
    }

    @Test func whatSshdsMonitorDoesIsMarked() throws {
        var one = exec(["run-parts"], auid: 1_900_000_000, ses: 40, uid: 0)
        one.process?.parent = Self.session.leader
        #expect(try #require(record(one)).details.at("leader") == .boolean(true))
    }

    @Test func stampsAreReadAsTheyAreWritten() {
        for text in ["1364481363.243:24287", "0.007:1", "1364481363.040:2"] {
            #expect(AuditEvent.Stamp(text).map { "\($0)" } == text)
        }
        for wrong in ["", "1:2", "1.2:3", "1.243:", "a.243:1", "1.-12:1", "1.243:1:2"] {
            #expect(AuditEvent.Stamp(wrong) == nil)
        }
    }
}
