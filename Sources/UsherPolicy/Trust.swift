public import UsherTicket

/// What a trusted key is for. One key is never for both: a stolen one must not do the work of the other.
public enum Signs: String, CaseIterable, Sendable {
    case tickets, revocations
}

/// A broker's public key and what it may sign.
public struct TrustEntry: Equatable, Sendable {
    /// The name of its file without `.toml`.
    public var name: String
    public var issuer: String
    public var key: PublicKey
    public var signs: Signs
    /// Of tickets; none for a key that signs revocation lists.
    public var uses: Set<Use>
    public var roles: [String]
    public var accounts: [AccountSelector]
    /// Why the key is distrusted; nil while it is trusted.
    public var revoked: String?

    public init(
        name: String, issuer: String, key: PublicKey, signs: Signs = .tickets, uses: Set<Use> = [.login],
        roles: [String], accounts: [AccountSelector] = [.ephemeral], revoked: String? = nil
    ) {
        self.name = name
        self.issuer = issuer
        self.key = key
        self.signs = signs
        self.uses = uses
        self.roles = roles
        self.accounts = accounts
        self.revoked = revoked
    }
}

/// Bounds of the host that no role can widen.
public struct HostLimits: Equatable, Sendable {
    /// Longest session in seconds.
    public var maxDuration: Int64

    public init(maxDuration: Int64) {
        self.maxDuration = maxDuration
    }
}

/// What the host knows of a login before it believes the ticket.
public struct LoginContext: Equatable, Sendable {
    /// This host's id.
    public var hostID: String
    /// PAM_USER.
    public var account: String
    /// PAM_SERVICE.
    public var service: String
    /// PAM_RHOST; counts only as a literal address.
    public var remoteHost: String?
    /// sshd's SSH_AUTH_INFO_0; believed from the service `sshd` alone.
    public var authenticationInfo: String?
    /// For an inspection, where nobody logs in: a key to be taken as one that authenticated. Nil in every login.
    public var assumedKey: KeyFingerprint?
    /// Seconds since 1970-01-01 UTC.
    public var now: Int64
    /// Seconds of clock difference tolerated on both sides.
    public var skew: Int64

    public init(
        hostID: String, account: String, service: String, remoteHost: String? = nil,
        authenticationInfo: String? = nil, assumedKey: KeyFingerprint? = nil, now: Int64, skew: Int64
    ) {
        self.hostID = hostID
        self.account = account
        self.service = service
        self.remoteHost = remoteHost
        self.authenticationInfo = authenticationInfo
        self.assumedKey = assumedKey
        self.now = now
        self.skew = skew
    }
}
