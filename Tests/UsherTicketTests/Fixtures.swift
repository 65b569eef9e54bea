import Foundation
import Testing
import UsherWire

@testable import UsherTicket

/// The key of RFC 8037 appendix A.1: everybody has it, so nobody will take it for a secret of ours.
enum Fixture {
    static let seedText = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
    static let issuedAt: Int64 = 1_800_000_000
    static let hostID = "h-abcdefghij234567"
    static let ticketID = "AAECAwQFBgcICQoLDA0ODw"

    static func key() throws -> PrivateKey {
        try PrivateKey(seed: try #require(Base64URL.decode(Array(seedText.utf8))))
    }

    /// A second key, of 32 times the same byte.
    static func otherKey() throws -> PrivateKey {
        try PrivateKey(seed: [UInt8](repeating: 7, count: 32))
    }

    static func claims() throws -> Claims {
        Claims(
            issuer: "https://broker.example", keyID: try key().publicKey.keyID, audience: hostID, ticketID: ticketID,
            issuedAt: issuedAt, expiresAt: issuedAt + 300, account: "u-k3j7x2mag5", subject: "human:alice",
            role: "operator")
    }
}

/// Deterministic: a failure can be repeated. SplitMix64, https://prng.di.unimi.it/splitmix64.c
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// A ticket as text that can be wrong in any place, signed all the same.
struct Draft {
    var header: [(name: String, json: String)]
    var payload: [(name: String, json: String)]

    init() throws {
        header = [
            ("alg", #""EdDSA""#), ("typ", #""usher-ticket+jwt""#), ("kid", "\"\(try Fixture.key().publicKey.keyID)\""),
        ]
        payload = [
            ("iss", #""https://broker.example""#), ("aud", "\"\(Fixture.hostID)\""), ("sub", #""human:alice""#),
            ("jti", "\"\(Fixture.ticketID)\""), ("iat", String(Fixture.issuedAt)),
            ("exp", String(Fixture.issuedAt + 300)), ("usr", #""u-k3j7x2mag5""#), ("rol", #""operator""#),
        ]
    }

    /// Replaces a claim in its place, or appends it.
    func setting(_ name: String, _ json: String) -> Draft {
        var draft = self
        if let index = payload.firstIndex(where: { $0.name == name }) {
            draft.payload[index].json = json
        } else {
            draft.payload.append((name, json))
        }
        return draft
    }

    func adding(_ name: String, _ json: String) -> Draft {
        var draft = self
        draft.payload.append((name, json))
        return draft
    }

    func without(_ name: String) -> Draft {
        var draft = self
        draft.payload.removeAll { $0.name == name }
        return draft
    }

    func header(_ name: String, _ json: String?) -> Draft {
        var draft = self
        draft.header.removeAll { $0.name == name }
        if let json { draft.header.append((name, json)) }
        return draft
    }

    func addingHeader(_ name: String, _ json: String) -> Draft {
        var draft = self
        draft.header.append((name, json))
        return draft
    }

    static func object(_ members: [(name: String, json: String)]) -> String {
        "{" + members.map { "\"\($0.name)\":\($0.json)" }.joined(separator: ",") + "}"
    }

    func ticket() throws -> [UInt8] {
        try Self.sign(header: Array(Self.object(header).utf8), payload: Array(Self.object(payload).utf8))
    }

    static func sign(header: [UInt8], payload: [UInt8]) throws -> [UInt8] {
        let input = Array((Base64URL.encode(header) + "." + Base64URL.encode(payload)).utf8)
        let signature = try Fixture.key().signature(over: input)
        return input + Array(("." + Base64URL.encode(signature)).utf8)
    }
}

/// Golden files under Tests/Vectors; `USHER_REWRITE_VECTORS=1` writes them anew.
enum Golden {
    static func file(_ name: String) -> URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Vectors").appendingPathComponent(name)
    }

    /// Decodes the file; after having written `value` into it where that is asked for.
    static func load<Value: Codable>(_ name: String, rewritingWith value: Value) throws -> Value {
        if ProcessInfo.processInfo.environment["USHER_REWRITE_VECTORS"] == "1" {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            try (encoder.encode(value) + Data("\n".utf8)).write(to: file(name))
        }
        return try JSONDecoder().decode(Value.self, from: Data(contentsOf: file(name)))
    }
}
