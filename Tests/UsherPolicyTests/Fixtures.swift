import Foundation
import Testing
import UsherPolicy
import UsherTicket

/// A host, a broker and a login that is right; each case changes what it is about.
struct Scene {
    static let now: Int64 = 1_800_000_100
    static let hostID = "h-abcdefghij234567"
    /// The wire form of an SSH key; its fingerprint stands in the tickets that are bound to it.
    static let sshKey = "AAAAC3NzaC1lZDI1NTE5AAAAIEJ5Z0DIHBB2DUKf/tSypkJuWwhoqznd7q7D1oPtdje5"
    static let otherSSHKey = "AAAAC3NzaC1lZDI1NTE5AAAAIEJ5Z0DIHBB2DUKf/tSypkJuWwhoqznd7q7D1oPtdjeA"

    var signer: PrivateKey
    var claims: Claims
    var context: LoginContext
    var trust: [TrustEntry]
    var roles: [String: Role]
    var limits = HostLimits(maxDuration: 43_200)
    /// Flips a bit of the signature.
    var isForged = false

    init() throws {
        signer = try PrivateKey(seed: [UInt8](repeating: 7, count: 32))
        claims = Claims(
            issuer: "https://broker.example", keyID: signer.publicKey.keyID, audience: Self.hostID,
            ticketID: "AAECAwQFBgcICQoLDA0ODw", issuedAt: 1_800_000_000, expiresAt: 1_800_000_300,
            account: "u-k3j7x2mag5", subject: "human:alice", role: "operator")
        context = LoginContext(
            hostID: Self.hostID, account: "u-k3j7x2mag5", service: "sshd", remoteHost: "192.0.2.7", now: Self.now,
            skew: 30)
        trust = [
            TrustEntry(
                name: "broker", issuer: "https://broker.example", key: signer.publicKey,
                uses: [.login, .stepup, .breakglass], roles: ["operator", "dba", "strict", "gone"],
                accounts: [.ephemeral, .existing("postgres")])
        ]
        roles = [
            "operator": Role(
                name: "operator", groups: ["usher-operator"], maxDuration: 3600, idleTimeout: 900,
                services: ["sshd", "login"]),
            "dba": Role(name: "dba", accounts: [.existing("postgres")], maxDuration: 600),
            "strict": Role(
                name: "strict", maxDuration: 600, require: [.approval, .change, .source, .key]),
            "untrusted": Role(name: "untrusted", maxDuration: 600),
        ]
    }

    func ticket() throws -> [UInt8] {
        var bytes = Array(try TicketSigner.sign(claims, with: signer).utf8)
        // The first character of the signature: any other is as canonical.
        if isForged { bytes[bytes.count - 86] = bytes[bytes.count - 86] == 0x41 ? 0x42 : 0x41 }
        return bytes
    }

    func decide() throws -> Result<Grant, Refusal> {
        Policy.decide(
            ticket: try TicketParser.parse(ticket()), context: context, trust: trust, roles: roles, limits: limits)
    }

    func code() throws -> RefusalCode? {
        guard case .failure(let refusal) = try decide() else { return nil }
        return refusal.code
    }
}

/// Golden files under Tests/Vectors; `USHER_REWRITE_VECTORS=1` writes them anew.
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
