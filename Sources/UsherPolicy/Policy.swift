public import UsherTicket
internal import UsherWire

/// The decision about a ticket, from facts alone: no clock, no file, no state.
///
/// Order matters for what a refusal may say: nothing that the ticket claims is used before the signature has
/// been verified, and the first rule that fails is the reason.
public enum Policy {
    /// What the login may have, or why it is refused. Replay, residue and budgets are the agent's to check.
    public static func decide(
        ticket: SignedTicket, context: LoginContext, trust: [TrustEntry], roles: [String: Role], limits: HostLimits
    ) -> Result<Grant, Refusal> {
        do {
            let (entry, claims) = try verify(ticket, trust)
            try checkAddressee(claims, context)
            try checkUse(claims, entry)
            try checkBindings(claims, context)
            let role = try role(of: claims, entry, roles, context)
            try checkRequirements(claims, role)
            return .success(narrow(claims, entry, role, limits))
        } catch {
            return .failure(error)
        }
    }

    /// The first trust entry with the ticket's key, and the claims, now believed.
    private static func verify(
        _ ticket: SignedTicket, _ trust: [TrustEntry]
    ) throws(Refusal) -> (TrustEntry, Claims) {
        guard let entry = trust.first(where: { $0.key.keyID == ticket.keyID }) else {
            throw Refusal(code: .unknownKey, reason: "no trust entry has key \(ticket.keyID)")
        }
        guard ticket.verify(with: entry.key) else {
            throw Refusal(code: .badSignature, reason: "not signed by key \(ticket.keyID) of \(entry.name)")
        }
        guard entry.signs == .tickets else {
            throw Refusal(code: .useNotAllowed, reason: "\(entry.name) may sign revocation lists and no tickets")
        }
        if let reason = entry.revoked {
            throw Refusal(code: .revokedKey, reason: "\(entry.name) is revoked: \(Text.safe(reason))")
        }
        let claims = ticket.unverifiedClaims
        guard claims.issuer == entry.issuer else {
            throw Refusal(
                code: .wrongIssuer, reason: "iss \(claims.issuer) is not \(Text.safe(entry.issuer)) of \(entry.name)")
        }
        return (entry, claims)
    }

    private static func checkAddressee(_ claims: Claims, _ context: LoginContext) throws(Refusal) {
        guard claims.audience == context.hostID else {
            throw Refusal(
                code: .wrongAudience, reason: "for host \(claims.audience), this is \(Text.safe(context.hostID))")
        }
        // Sums of configured seconds and a checked time stay far below 2^63.
        let from = claims.notBefore ?? claims.issuedAt
        guard context.now >= from - context.skew else {
            throw Refusal(code: .notYetValid, reason: "good from \(from), it is \(context.now)")
        }
        guard context.now < claims.expiresAt + context.skew else {
            throw Refusal(code: .expired, reason: "good until \(claims.expiresAt), it is \(context.now)")
        }
    }

    /// A claim that narrows a session but that this host cannot enforce refuses the ticket.
    private static func checkUse(_ claims: Claims, _ entry: TrustEntry) throws(Refusal) {
        guard entry.uses.contains(claims.use) else {
            throw Refusal(code: .useNotAllowed, reason: "\(entry.name) may not sign for use \(claims.use.rawValue)")
        }
        guard claims.use == .login else {
            throw Refusal(code: .useNotEnforceable, reason: "this host does not do use \(claims.use.rawValue)")
        }
        guard claims.command == nil else {
            throw Refusal(code: .commandNotEnforceable, reason: "this host cannot hold a session to one command")
        }
        guard claims.target == nil else {
            throw Refusal(code: .targetNotEnforceable, reason: "this host cannot hold su and sudo to a target account")
        }
    }

    private static func checkBindings(_ claims: Claims, _ context: LoginContext) throws(Refusal) {
        guard Text.equal(claims.account, context.account) else {
            throw Refusal(
                code: .wrongAccount, reason: "for account \(claims.account), not \(Text.safe(context.account))")
        }
        guard claims.effectiveServices.contains(where: { Text.equal($0, context.service) }) else {
            let services = claims.effectiveServices.joined(separator: " ")
            throw Refusal(code: .wrongService, reason: "for service \(services), not \(Text.safe(context.service))")
        }
        if let source = claims.source {
            guard let remote = context.remoteHost.flatMap({ IPAddress($0) }), source.contains(remote) else {
                let given = context.remoteHost.map { Text.safe($0) } ?? "no address"
                throw Refusal(code: .wrongSource, reason: "from \(given), not \(source)")
            }
        }
        if let key = claims.key {
            guard key == context.assumedKey || AuthenticationInfo.fingerprints(in: context).contains(key) else {
                throw Refusal(code: .keyMismatch, reason: "key \(key) has not authenticated in this connection")
            }
        }
    }

    private static func role(
        of claims: Claims, _ entry: TrustEntry, _ roles: [String: Role], _ context: LoginContext
    ) throws(Refusal) -> Role {
        guard let name = claims.role, entry.roles.contains(name) else {
            throw Refusal(
                code: .roleNotAllowedByTrust, reason: "\(entry.name) may not sign for role \(claims.role ?? "none")")
        }
        guard let role = roles[name] else {
            throw Refusal(code: .unknownRole, reason: "this host has no role \(name)")
        }
        let account = selector(claims.account)
        guard entry.accounts.contains(account) else {
            throw Refusal(
                code: .accountNotAllowedByTrust, reason: "\(entry.name) may not sign for account \(claims.account)")
        }
        guard role.accounts.contains(account) else {
            throw Refusal(
                code: .accountNotAllowedByRole, reason: "role \(name) does not open account \(claims.account)")
        }
        guard role.services.contains(where: { Text.equal($0, context.service) }) else {
            throw Refusal(
                code: .serviceNotAllowedByRole, reason: "role \(name) is not for service \(Text.safe(context.service))")
        }
        return role
    }

    private static func checkRequirements(_ claims: Claims, _ role: Role) throws(Refusal) {
        let given: [(Requirement, Bool, RefusalCode)] = [
            (.approval, claims.approval != nil, .approvalRequired), (.change, claims.change != nil, .changeRequired),
            (.source, claims.source != nil, .sourceRequired), (.key, claims.key != nil, .keyRequired),
        ]
        for (requirement, isMet, code) in given where role.require.contains(requirement) && !isMet {
            throw Refusal(code: code, reason: "role \(role.name) requires \(requirement.rawValue)")
        }
    }

    private static func narrow(_ claims: Claims, _ entry: TrustEntry, _ role: Role, _ limits: HostLimits) -> Grant {
        let duration = min(claims.maximumDuration ?? .max, role.maxDuration, limits.maxDuration)
        let idle = [claims.idleTimeout, role.idleTimeout].compactMap { $0 }.min()
        return Grant(
            claims: claims, trustEntry: entry.name, role: role,
            kind: selector(claims.account) == .ephemeral ? .ephemeral : .existing, duration: duration,
            idleTimeout: idle, groups: role.groups)
    }

    /// The form of the name alone says whether an account is ephemeral.
    private static func selector(_ account: String) -> AccountSelector {
        EphemeralAccount.uid(ofName: Array(account.utf8).span) == nil ? .existing(account) : .ephemeral
    }
}

/// What sshd says about how a connection authenticated: lines like `publickey ssh-ed25519 AAAA…`
/// (sshd_config(5), ExposeAuthInfo; the PAM environment has them in SSH_AUTH_INFO_0).
enum AuthenticationInfo {
    /// The keys that authenticated. A certificate's blob has another fingerprint than its key and so never
    /// matches: a binding to a key is one to that key.
    static func fingerprints(in context: LoginContext) -> [KeyFingerprint] {
        guard context.service == "sshd", let info = context.authenticationInfo else { return [] }
        return info.utf8.split(separator: UInt8(ascii: "\n")).compactMap { line in
            let words = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
            guard words.count == 3, words[0].elementsEqual("publickey".utf8) else { return nil }
            return KeyFingerprint(publicKeyText: String(decoding: words[2], as: UTF8.self))
        }
    }
}

/// Text of the client's or of a file's in a reason.
enum Text {
    /// Byte for byte: Swift's `==` also takes different spellings of one Unicode character for equal.
    static func equal(_ left: String, _ right: String) -> Bool {
        left.utf8.elementsEqual(right.utf8)
    }

    /// At most 64 characters of printable ASCII; others become `?`.
    static func safe(_ text: String) -> String {
        let bytes = text.utf8.prefix(64).map { $0 >= 0x20 && $0 < 0x7F ? $0 : UInt8(ascii: "?") }
        return String(decoding: bytes, as: UTF8.self) + (text.utf8.count > 64 ? "..." : "")
    }
}
