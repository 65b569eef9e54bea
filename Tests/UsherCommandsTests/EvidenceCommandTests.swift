import Foundation
import Testing
import UsherEvidence
import UsherTicket
import UsherWire

@testable import UsherCommands

/// A log on the disk, as the agent writes it.
private final class WrittenLog {
    let directory: TemporaryDirectory
    let key: String
    private var chain = EvidenceChain(host: "h-abcdefghij234567")
    private let hostKey: PrivateKey
    private var next: PrivateKey
    private var number: Int64 = 0
    private var text: [UInt8] = []

    static let session = "s-abcdefghij234567"

    init() throws {
        directory = try TemporaryDirectory()
        hostKey = try PrivateKey(seed: [UInt8](repeating: 7, count: 32))
        next = hostKey
        key = try directory.write("host.pub.jwk", hostKey.publicKey.jwk() + "\n")
        try FileManager.default.createDirectory(atPath: directory.file("log"), withIntermediateDirectories: false)
        try checkpoint()
        add("opened", "Session opened", .authorizeSession, details: ["subject": .text("human:alice")])
        add(
            "exec", "ran curl", .processActivity, .kernel,
            details: ["arguments": .texts(["curl", "-T", "/etc/shadow"])])
        add("exec", "ran \u{1B}[2Jls", .processActivity, .inferred, details: ["arguments": .texts(["ls"])])
        add(
            "file", "wrote /etc/hosts", .fileSystemActivity, .kernel,
            attributes: ["file": .record(["path": .text("/etc/hosts")])])
        add("exec", "ran id", .processActivity, .kernel, session: "s-bbbbbbbbbbbbbbbb")
        add("closed", "Session closed", .authorizeSession)
        try checkpoint()
        try save()
    }

    func checkpoint() throws {
        number += 1
        let following = try PrivateKey(seed: [UInt8](repeating: UInt8(20 + number), count: 32))
        text += try chain.append(
            Checkpoint(number: number, next: following.publicKey), milliseconds: 1_800_000_000_000 + number, key: next)
        text.append(UInt8(ascii: "\n"))
        next = following
    }

    private func add(
        _ kind: String, _ message: String, _ category: EvidenceRecord.Class,
        _ attribution: EvidenceRecord.Attribution = .agent, session: String = session,
        attributes: KeyValuePairs<String, JSONValue?> = [:], details: KeyValuePairs<String, JSONValue?> = [:]
    ) {
        text += chain.append(
            EvidenceRecord(
                milliseconds: 1_800_000_000_000 + chain.sequence * 1000, category: category, activity: 1,
                message: message, session: session, attribution: attribution, kind: kind,
                attributes: JSONObject(attributes.map { ($0.key, $0.value) }),
                details: JSONObject(details.map { ($0.key, $0.value) })))
        text.append(UInt8(ascii: "\n"))
    }

    private func save() throws {
        try directory.write("log/evidence.jsonl", String(decoding: text, as: UTF8.self))
    }

    var log: String { directory.file("log") }
}

@Suite struct EvidenceCommandTests {
    @Test func aLogVerifiesAndWithAnAnchorItIsComplete() throws {
        let written = try WrittenLog()
        let result = TestConsole().run("evidence", "verify", written.log, "--key", written.key)
        #expect(result.status == .success && result.lines.contains("verdict\tsound"), "\(result)")
        #expect(result.lines.contains("complete to\tnot known: no anchor was given"))
        #expect(result.lines.contains("signed to\tline 8"))
        let anchor = TestConsole().run("evidence", "anchor", "--log", written.log)
        #expect(anchor.status == .success && anchor.lines.count == 1)
        let file = try written.directory.write("anchor", anchor.output)
        let both = TestConsole().run(
            "evidence", "verify", written.log, "--key", written.key, "--anchor", file, "--json")
        #expect(both.json?["sound"] == .boolean(true) && both.json?["completeTo"] == .integer(8))
        #expect(both.json?["unsigned"] == .integer(0) && both.json?["checkpoints"] == .integer(2))
    }

    @Test func whatWasChangedIsLocatedAndTheStatusIsThree() throws {
        let written = try WrittenLog()
        let text = try written.directory.text("log/evidence.jsonl").replacing("human:alice", with: "human:malory")
        try written.directory.write("log/evidence.jsonl", text)
        let result = TestConsole().run("evidence", "verify", written.log, "--key", written.key)
        #expect(result.status == .refused && result.notices.hasPrefix("usher: the evidence does not verify: 1 fault"))
        #expect(result.lines.contains { $0.hasPrefix("changed\tevidence.jsonl\t2\t2\t") }, "\(result.output)")
        let json = TestConsole().run("evidence", "verify", written.log, "--key", written.key, "--json")
        #expect(json.status == .refused && json.json?["faults"]?[0]?["kind"] == .text("changed"))
        #expect(json.json?["faults"]?[0]?["line"] == .integer(2) && json.json?["signedTo"] == .integer(1))
        let garbage = try written.directory.write("garbage", "x\n")
        for wrong in [["--anchor", garbage], ["--key", garbage]] {
            let refused = TestConsole().run(["evidence", "verify", written.log, "--key", written.key] + wrong)
            #expect(refused.status == .failure)
        }
        let none = TestConsole().run("evidence", "verify", written.log + "/none", "--key", written.key)
        #expect(none.status == .notFound)
    }

    @Test func aTimelineShowsOneSessionInOrderAndSafely() throws {
        let written = try WrittenLog()
        let arguments = ["timeline", WrittenLog.session, "--log", written.log]
        let result = TestConsole().run(arguments)
        #expect(result.status == .success && result.lines.count == 5, "\(result.output)")
        #expect(result.lines[0] == "2027-01-15T08:00:01.000Z\topened\tSession opened")
        #expect(result.lines[2].hasSuffix("\texec\tran \\u{1b}[2Jls (inferred)"))
        #expect(TestConsole().run(arguments + ["--kind", "file", "--kind", "closed"]).lines.count == 2)
        let json = TestConsole().run(arguments + ["--kind", "file", "--json"])
        #expect(json.json?["file"]?["path"] == .text("/etc/hosts"))
        #expect(TestConsole().run("timeline", "s-aaaaaaaaaaaaaaaa", "--log", written.log).status == .notFound)
        // Followed to its end, which stands there already.
        #expect(TestConsole().run(arguments + ["--follow"]).lines.count == 5)
    }

    @Test(arguments: [
        (["--subject", "alice"], 5), (["--command", "shadow"], 1), (["--command", "ls"], 1), (["--file", "/etc/"], 1),
        (["--kind", "exec"], 3), (["--kind", "exec", "--subject", "alice"], 2), (["--subject", "bob"], 0),
        (["--session", WrittenLog.session], 5), (["--since", "2027-01-15T08:00:04Z"], 3),
        (["--since", "2027-01-15", "--until", "2027-01-15T08:00:02Z"], 3), (["--until", "2027-01-15"], 0),
    ])
    func aSearchFindsWhatAllOfItsConditionsHoldFor(conditions: [String], count: Int) throws {
        let written = try WrittenLog()
        let result = TestConsole().run(["search", "--log", written.log, "--json"] + conditions)
        #expect(result.status == .success && result.lines.count == count, "\(conditions): \(result.output)")
    }

    @Test func aSearchSaysWhenThereIsMoreAndRefusesWhatIsNoTime() throws {
        let written = try WrittenLog()
        let result = TestConsole().run("search", "--log", written.log, "--kind", "exec", "--limit", "1")
        #expect(result.lines.count == 2 && result.notices.contains("more than 1 record"))
        for wrong in ["yesterday", "2027-13-01", "2027-02-30", "2027-01-15T25:00:00Z", "2027-1-5"] {
            #expect(TestConsole().run("search", "--log", written.log, "--since", wrong).status == .usage, "\(wrong)")
        }
    }
}
