import Foundation
import Testing
import UsherEvidence
import UsherTicket
import UsherWire

@testable import UsherCommands

@Suite struct ReceiptCommandTests {
    private static let steps = [
        TeardownStep(
            name: .processes, microseconds: 12_340, attempts: 2,
            removed: [Finding(kind: "process", what: "4242 \u{1B}[2Jsleep")]),
        TeardownStep(name: .files, left: [Finding(kind: "file", what: "/opt/held", count: 2)]),
        TeardownStep(name: .home, skipped: "an account of the host"),
    ]

    /// The records of a session: a receipt that leaves two things, and a supplement after which nothing is left.
    private static func records(_ key: PrivateKey) throws -> [SignedRecord] {
        let session = Receipt.Session(
            id: "s-abcdefghij234567", account: "u-k3j7x2mag5", kind: "ephemeral", uid: 1_954_321_987,
            subject: "human:alice", role: "dba", issuer: "ci", key: "44OdtsPYTtc", ticket: "AAECAwQFBgcICQoLDA0ODw",
            service: "sshd", auditSession: 42, bootID: "boot")
        let receipt = try SignedRecord(
            .receipt(
                Receipt(
                    host: "h-abcdefghij234567", session: session, openedAt: 1_800_000_000, endedAt: 1_800_000_600,
                    closedAt: 1_800_000_601, reason: "closed", by: "leader", steps: steps)), key: key)
        let supplement = try SignedRecord(
            .supplement(
                ReceiptSupplement(
                    host: "h-abcdefghij234567", session: session.id, account: session.account, uid: session.uid,
                    number: 1, previous: receipt.digest, at: 1_800_000_900, event: .adopted, by: "uid 0 (pid 1)",
                    reason: "ours", findings: FindingList([Finding(kind: "file", what: "/srv/dump.sql")]),
                    leftCount: 0)), key: key)
        return [receipt, supplement]
    }

    @Test func anEnrolledHostsReceiptsVerifyWithItsPublicKeyAndAnywhere() throws {
        let host = try TestHost()
        #expect(try host.directory.mode("var/lib/usher/host-key.jwk") == 0o600)
        let key = try PrivateKey(jwk: Array(host.directory.text("var/lib/usher/host-key.jwk").utf8.dropLast()))
        let shown = TestConsole().run("host", "show", "--key", "--root", host.directory.path)
        #expect(shown.output == key.publicKey.jwk() + "\n")
        #expect(!shown.output.contains("\"d\""))
        let publicKey = try host.directory.write("host.pub.jwk", shown.output)
        let texts = try Self.records(key).map { $0.text + "\n" }
        let file = try host.directory.write("receipt.jws", texts[0])
        let result = TestConsole().run("receipt", "verify", file, "--key", publicKey)
        #expect(result.status == .success)
        #expect(result.lines.contains("left\t2 things") && result.lines.contains("session\ts-abcdefghij234567"))
        #expect(result.lines.contains("processes\t12340\t2\t1\t0\t-"))
        #expect(result.lines.contains("home\t0\t1\t0\t0\tan account of the host"))
        #expect(result.lines.contains("files\tleft\tfile\t2\t/opt/held"))
        #expect(!result.output.contains("\u{1B}"))
        let console = TestConsole()
        console.input = Array(texts.joined().utf8)
        let both = console.run("receipt", "verify", "-", "--key", publicKey, "--json")
        #expect(both.json?["left"] == .integer(0) && both.json?["supplements"] == .integer(1))
        #expect(both.json?["verified"] == .boolean(true))
    }

    @Test func whatWasChangedOrIsOfAnotherHostIsRefusedWithStatusThree() throws {
        let (host, other) = (try TestHost(), try TestHost())
        let key = try PrivateKey(jwk: Array(host.directory.text("var/lib/usher/host-key.jwk").utf8.dropLast()))
        let ours = host.directory.file("var/lib/usher/host-key.jwk")
        let texts = try Self.records(key).map { $0.text + "\n" }
        let file = try host.directory.write("receipt.jws", texts[0])
        let foreign = TestConsole().run(
            "receipt", "verify", file, "--key", other.directory.file("var/lib/usher/host-key.jwk"))
        #expect(foreign.status == .refused && foreign.output.isEmpty && foreign.notices.contains("it names key"))
        for text in [texts[1], texts[0] + texts[0], texts[0].replacing("a", with: "b"), "", "x"] {
            let changed = try host.directory.write("changed.jws", text)
            let result = TestConsole().run("receipt", "verify", changed, "--key", ours)
            #expect(result.status == .refused && result.output.isEmpty, "\(text.prefix(20))")
            #expect(result.notices.hasPrefix("usher: the receipt does not verify: "))
        }
        #expect(TestConsole().run("receipt", "verify", file, "--key", file).status == .failure)
        let missing = host.directory.file("none")
        #expect(TestConsole().run("receipt", "verify", missing, "--key", ours).status == .notFound)
    }

    @Test func aForcedEnrolmentMakesAnotherKeyAndKeepsTheFormersPublicPart() throws {
        let host = try TestHost()
        let former = try PrivateKey(jwk: Array(host.directory.text("var/lib/usher/host-key.jwk").utf8.dropLast()))
        let forced = TestConsole().run("host", "enrol", "--force", "--json", "--root", host.directory.path)
        #expect(forced.status == .success && forced.json?["key"]?["kid"]?.text != former.publicKey.keyID)
        let kept = try host.directory.text("var/lib/usher/host-key-\(former.publicKey.keyID).pub.jwk")
        #expect(kept == former.publicKey.jwk() + "\n")
        #expect(try host.directory.mode("var/lib/usher/host-key.jwk") == 0o600)
    }

    @Test func aKeyThatOthersCanReadIsNotUsed() throws {
        let host = try TestHost()
        try host.directory.setMode(0o640, "var/lib/usher/host-key.jwk")
        #expect(TestConsole().run("host", "show", "--key", "--root", host.directory.path).status == .failure)
    }

    @Test func aSessionsRecordsAreShownAsTableAsSignedAndAsJSON() throws {
        let texts = try Self.records(PrivateKey(seed: [UInt8](repeating: 7, count: 32))).map(\.text)
        let agent = try ScriptedAgent(JSONObject([("records", .texts(texts))]))
        let arguments = ["session", "receipt", "s-abcdefghij234567", "--socket", agent.path]
        let table = TestConsole().run(arguments)
        #expect(table.status == .success && table.lines.contains("left\tnothing"))
        #expect(table.lines.contains("scan\tadopted\tfile\t1\t/srv/dump.sql"))
        #expect(TestConsole().run(arguments + ["--jws"]).output == texts.map { $0 + "\n" }.joined())
        let json = TestConsole().run(arguments + ["--json"]).json
        #expect(json?[0]?["session"]?["subject"] == .text("human:alice") && json?[1]?["event"] == .text("adopted"))
        #expect(TestConsole().run(arguments + ["--jws", "--json"]).status == .usage)
        let garbage = try ScriptedAgent(JSONObject([("records", .texts(["x"]))]))
        let refused = TestConsole().run("session", "receipt", "s-abcdefghij234567", "--socket", garbage.path)
        #expect(refused.status == .failure && refused.output.isEmpty)
    }

    @Test func aClosedSessionThatLeftSomethingIsMarkedInTheList() throws {
        let agent = try ScriptedAgent(
            Samples.sessions(
                Samples.session(
                    ("state", .text("closed")), ("closedAt", .integer(1_700_000_100)), ("left", .integer(2))),
                Samples.session(
                    ("state", .text("closed")), ("closedAt", .integer(1_700_000_100)), ("left", .integer(0))),
                Samples.session()))
        let result = TestConsole().run("session", "list", "--all", "--socket", agent.path)
        #expect(result.lines.map { $0.split(separator: "\t").last } == ["LEFT", "2", "0", "-"])
    }
}
