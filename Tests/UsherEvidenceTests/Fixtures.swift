import Foundation
import Testing
import UsherEvidence
import UsherTicket

enum Fixture {
    /// 32 times one byte: nobody will take it for a secret of ours.
    static func key(_ byte: UInt8 = 7) throws -> PrivateKey {
        try PrivateKey(seed: [UInt8](repeating: byte, count: 32))
    }

    static let session = Receipt.Session(
        id: "s-abcdefghij234567", account: "u-k3j7x2mag5", kind: "ephemeral", uid: 1_954_321_987,
        subject: "human:alice", actor: "agent:helper", owner: "human:bob", role: "dba", issuer: "ci",
        key: "44OdtsPYTtc", ticket: "AAECAwQFBgcICQoLDA0ODw", approval: "A-1", change: "CHG-1042", service: "sshd",
        remoteHost: "192.0.2.7", auditSession: 42, bootID: "8c0e1d6e-6b0c-4d43-9b5b-d1f3ad0c8e11")

    static func receipt(_ steps: [TeardownStep]) -> Receipt {
        Receipt(
            host: "h-abcdefghij234567", session: session, openedAt: 1_800_000_000, endedAt: 1_800_000_600,
            closedAt: 1_800_000_601, reason: "closed", by: "leader", steps: steps)
    }

    /// Each step once, with what such a step tells.
    static let steps: [TeardownStep] = TeardownStep.Name.allCases.enumerated().map { index, name in
        TeardownStep(
            name: name, microseconds: Int64(index) * 1250, attempts: 1 + index % 3,
            removed: index % 2 == 0
                ? [Finding(kind: "process", what: "4242 sleep"), Finding(kind: "file", what: "/tmp/é")] : [],
            left: name == .files ? [Finding(kind: "file", what: "/opt/held", count: 2)] : [],
            skipped: name == .home ? "an account of the host" : nil)
    }

    static func supplement(_ number: Int, after record: SignedRecord, left: Int = 3) -> ReceiptSupplement {
        ReceiptSupplement(
            host: "h-abcdefghij234567", session: session.id, account: session.account, uid: session.uid, number: number,
            previous: record.digest, at: 1_800_000_900, event: number % 2 == 1 ? .found : .adopted, by: "agent",
            reason: number % 2 == 1 ? nil : "belongs to the project",
            findings: FindingList([Finding(kind: "file", what: "/srv/share/dump.sql")]), leftCount: left)
    }
}

/// Checked-in vectors; `USHER_REWRITE_VECTORS=1` writes them anew.
enum Golden {
    static func load<Value: Codable>(_ name: String, rewritingWith value: Value) throws -> Value {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Vectors").appendingPathComponent(name)
        if ProcessInfo.processInfo.environment["USHER_REWRITE_VECTORS"] == "1" {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            try (encoder.encode(value) + Data("\n".utf8)).write(to: file)
        }
        return try JSONDecoder().decode(Value.self, from: Data(contentsOf: file))
    }
}
