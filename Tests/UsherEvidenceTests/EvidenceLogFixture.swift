import UsherEvidence
import UsherTicket
import UsherWire

/// A log in memory: files of lines, as the agent writes them, with a checkpoint at the beginning of each file.
struct LogFixture {
    static let host = "h-abcdefghij234567"

    struct File {
        var name: String
        var first: Int64?
        var lines: [[UInt8]]
        var unfinished: [UInt8] = []
    }

    var files: [File] = []
    let hostKey: PrivateKey
    private(set) var chain = EvidenceChain(host: host)
    private var key: PrivateKey
    private var number: Int64 = 0
    private var seed: UInt8

    /// - Parameter seed: of the moving keys.
    init(seed: UInt8 = 100) throws {
        self.seed = seed
        hostKey = try Fixture.key(7)
        key = hostKey
    }

    static func record(_ text: String = "usher ran", session: String? = "s-abcdefghij234567") -> EvidenceRecord {
        EvidenceRecord(
            milliseconds: 1_800_000_000_123, category: .processActivity, activity: 1, message: text, session: session,
            attribution: .kernel, kind: "exec",
            attributes: JSONObject(members: [.init(name: Array("process".utf8), value: .string(Array("x".utf8)))]),
            details: JSONObject(members: [.init(name: Array("role".utf8), value: .string(Array("dba".utf8)))]))
    }

    /// Files of so many records each, with a checkpoint after every `every` records.
    mutating func write(files count: Int, records: Int, every: Int) throws {
        for index in 0..<count {
            try beginFile(isCurrent: index == count - 1)
            for record in 1...records {
                add(chain.append(Self.record("command \(index).\(record)")))
                if record % every == 0 { try checkpoint() }
            }
        }
    }

    mutating func beginFile(isCurrent: Bool) throws {
        let first = chain.sequence + 1
        let name = isCurrent ? EvidenceFiles.current : EvidenceFiles.rotated(first: first)
        files.append(File(name: name, first: EvidenceFiles.first(of: name), lines: []))
        try checkpoint(endorsed: number > 0)
    }

    mutating func checkpoint(endorsed: Bool = false, by signer: PrivateKey? = nil, restart: String? = nil) throws {
        seed &+= 1
        let next = try Fixture.key(seed)
        number += 1
        add(
            try chain.append(
                Checkpoint(number: number, next: next.publicKey, restart: restart), milliseconds: 1_800_000_001_000,
                key: signer ?? key, endorsedBy: endorsed ? hostKey : nil))
        key = next
    }

    /// Adds records to the current file.
    mutating func append(_ records: [EvidenceRecord]) {
        for record in records { add(chain.append(record)) }
    }

    static func retention(through sequence: Int64) -> EvidenceRecord {
        EvidenceRecord(
            milliseconds: 1_800_000_002_000, category: .base, activity: 99, message: "Retention", attribution: .agent,
            kind: "retention",
            details: JSONObject(members: [.init(name: Array("through".utf8), value: .integer(sequence))]))
    }

    mutating func add(_ line: [UInt8]) { files[files.count - 1].lines.append(line) }

    func verdict(
        anchors: [EvidenceAnchor] = [], keys: [PublicKey]? = nil, isWhole: Bool = true
    ) -> EvidenceVerdict {
        var verifier = EvidenceVerifier(
            hostKeys: keys ?? [hostKey.publicKey], anchors: anchors, isWhole: isWhole)
        for file in files {
            verifier.beginFile(file.name, first: file.first)
            for line in file.lines { verifier.take(.line(line)) }
            verifier.endFile(unfinished: file.unfinished.count)
        }
        return verifier.finish()
    }

    func line(_ file: Int, _ index: Int) throws -> EvidenceLine { try EvidenceLine(parsing: files[file].lines[index]) }

    func anchor(_ file: Int, _ index: Int) throws -> EvidenceAnchor {
        let line = try line(file, index)
        return EvidenceAnchor(sequence: line.sequence, hash: line.hash, source: "the anchor")
    }
}
