import UsherPolicy
import UsherTicket

/// A change to the scene, and what the host must say of it; nil for a grant.
struct DecisionCase: Sendable {
    var name: String
    var code: RefusalCode?
    var change: @Sendable (inout Scene) throws -> Void

    init(_ name: String, _ code: RefusalCode?, _ change: @escaping @Sendable (inout Scene) throws -> Void) {
        self.name = name
        self.code = code
        self.change = change
    }

    func scene() throws -> Scene {
        var scene = try Scene()
        try change(&scene)
        return scene
    }

    static let all = grants + brokers + addressees + bindings + entitlements

    static let fingerprint = KeyFingerprint(publicKeyText: Scene.sshKey)

    static let grants: [DecisionCase] = [
        DecisionCase("a login to an ephemeral account", nil) { _ in },
        DecisionCase("a login to an existing account", nil) {
            $0.claims.account = "postgres"
            $0.context.account = "postgres"
            $0.claims.role = "dba"
        },
        DecisionCase("everything that a strict role requires", nil) {
            $0.claims.role = "strict"
            $0.claims.approval = "APR-1"
            $0.claims.change = "CHG-1"
            $0.claims.source = AddressRange("192.0.2.0/24")
            $0.claims.key = fingerprint
            $0.context.authenticationInfo = "publickey ssh-ed25519 \(Scene.sshKey)\nkeyboard-interactive\n"
        },
        DecisionCase("a second service of the role", nil) {
            $0.claims.services = ["sshd", "login"]
            $0.context.service = "login"
        },
        DecisionCase("an agent's login", nil) {
            $0.claims.subject = "agent:claims-bot"
            $0.claims.owner = "human:bob"
            $0.claims.actor = "service:orchestrator"
        },
    ]

    static let brokers: [DecisionCase] = [
        DecisionCase("an unknown key", .unknownKey) {
            $0.signer = try PrivateKey(seed: [UInt8](repeating: 8, count: 32))
            $0.claims.keyID = $0.signer.publicKey.keyID
        },
        DecisionCase("no trust entry at all", .unknownKey) { $0.trust = [] },
        DecisionCase("a bad signature", .badSignature) { $0.isForged = true },
        DecisionCase("a revoked key", .revokedKey) { $0.trust[0].revoked = "key was on a lost laptop" },
        DecisionCase("a bad signature of a revoked key", .badSignature) {
            $0.isForged = true
            $0.trust[0].revoked = "key was on a lost laptop"
        },
        DecisionCase("another issuer's name", .wrongIssuer) { $0.claims.issuer = "https://other.example" },
        DecisionCase("a use that the key may not sign for", .useNotAllowed) {
            $0.trust[0].uses = [.login]
            $0.claims.use = .breakglass
        },
    ]

    static let addressees: [DecisionCase] = [
        DecisionCase("another host", .wrongAudience) { $0.claims.audience = "h-aaaaaaaaaaaaaaaa" },
        DecisionCase("a second before its time and the skew", .notYetValid) { $0.context.now = 1_799_999_969 },
        DecisionCase("a second before nbf and the skew", .notYetValid) {
            $0.claims.notBefore = 1_800_000_200
            $0.context.now = 1_800_000_169
        },
        DecisionCase("a clock that has no idea", .notYetValid) { $0.context.now = 0 },
        DecisionCase("at the end of exp and skew", .expired) { $0.context.now = 1_800_000_330 },
        DecisionCase("a year later", .expired) { $0.context.now += 31_536_000 },
        DecisionCase("a step-up", .useNotEnforceable) {
            $0.claims.use = .stepup
            $0.claims.session = "s-abcdefghij234567"
        },
        DecisionCase("break-glass", .useNotEnforceable) { $0.claims.use = .breakglass },
        DecisionCase("a single command", .commandNotEnforceable) { $0.claims.command = "uptime" },
        DecisionCase("a target account", .targetNotEnforceable) {
            $0.claims.services = ["su"]
            $0.claims.target = "postgres"
        },
    ]

    static let bindings: [DecisionCase] = [
        DecisionCase("another account", .wrongAccount) { $0.context.account = "u-aaaaaaaaaa" },
        DecisionCase("an account name full of control characters", .wrongAccount) {
            $0.context.account = "root\n\u{1B}[2J'" + String(repeating: "x", count: 200)
        },
        DecisionCase("a service that the ticket does not name", .wrongService) { $0.context.service = "login" },
        DecisionCase("a service in capitals", .wrongService) { $0.context.service = "SSHD" },
        DecisionCase("another source", .wrongSource) { $0.claims.source = AddressRange("192.0.2.8") },
        DecisionCase("a source that is a host name", .wrongSource) {
            $0.claims.source = AddressRange("192.0.2.7")
            $0.context.remoteHost = "bastion.example"
        },
        DecisionCase("no source", .wrongSource) {
            $0.claims.source = AddressRange("0.0.0.0/0")
            $0.context.remoteHost = nil
        },
        DecisionCase("an IPv4 source for an IPv6 network", .wrongSource) { $0.claims.source = AddressRange("::/0") },
        DecisionCase("a bound key without any", .keyMismatch) { $0.claims.key = fingerprint },
        DecisionCase("another key than the bound one", .keyMismatch) {
            $0.claims.key = fingerprint
            $0.context.authenticationInfo = "publickey ssh-ed25519 \(Scene.otherSSHKey)\n"
        },
        DecisionCase("the bound key from another service than sshd", .keyMismatch) {
            $0.claims.key = fingerprint
            $0.claims.services = ["login"]
            $0.context.service = "login"
            $0.context.authenticationInfo = "publickey ssh-ed25519 \(Scene.sshKey)\n"
        },
        DecisionCase("the bound key's fingerprint in place of a key", .keyMismatch) {
            $0.claims.key = fingerprint
            $0.context.authenticationInfo = "publickey ssh-ed25519 \(fingerprint?.description ?? "")\n"
        },
        DecisionCase("the bound key authenticated a host, not the user", .keyMismatch) {
            $0.claims.key = fingerprint
            $0.context.authenticationInfo = "hostbased ssh-ed25519 \(Scene.sshKey)\n"
        },
    ]

    static let entitlements: [DecisionCase] = [
        DecisionCase("a role beyond the trust entry", .roleNotAllowedByTrust) { $0.claims.role = "untrusted" },
        DecisionCase("a role that the host lacks", .unknownRole) { $0.claims.role = "gone" },
        DecisionCase("an account beyond the trust entry", .accountNotAllowedByTrust) {
            $0.trust[0].accounts = [.existing("postgres")]
        },
        DecisionCase("an existing account beyond the trust entry", .accountNotAllowedByTrust) {
            $0.claims.account = "root"
            $0.context.account = "root"
        },
        DecisionCase("an account beyond the role", .accountNotAllowedByRole) { $0.claims.role = "dba" },
        DecisionCase("an existing account beyond the role", .accountNotAllowedByRole) {
            $0.claims.account = "postgres"
            $0.context.account = "postgres"
        },
        DecisionCase("an account called like the selector", .accountNotAllowedByTrust) {
            $0.claims.account = "ephemeral"
            $0.context.account = "ephemeral"
        },
        DecisionCase("a service beyond the role", .serviceNotAllowedByRole) {
            $0.claims.services = ["cron"]
            $0.context.service = "cron"
        },
        DecisionCase("no approval", .approvalRequired) { $0.claims.role = "strict" },
        DecisionCase("no change", .changeRequired) {
            $0.claims.role = "strict"
            $0.claims.approval = "APR-1"
        },
        DecisionCase("no bound source", .sourceRequired) {
            $0.claims.role = "strict"
            $0.claims.approval = "APR-1"
            $0.claims.change = "CHG-1"
        },
        DecisionCase("no bound key", .keyRequired) {
            $0.claims.role = "strict"
            $0.claims.approval = "APR-1"
            $0.claims.change = "CHG-1"
            $0.claims.source = AddressRange("192.0.2.7")
        },
    ]
}
