public import UsherTicket

/// Whether the session's account was made for it.
public enum AccountKind: String, Sendable {
    case ephemeral, existing
}

/// What a login may have: the role, narrowed by the ticket and the host.
public struct Grant: Equatable, Sendable {
    /// The ticket's claims; the signature has been verified.
    public var claims: Claims
    /// Name of the trust entry whose key signed the ticket.
    public var trustEntry: String
    public var role: Role
    public var kind: AccountKind
    /// Longest session in seconds.
    public var duration: Int64
    /// Seconds; nil for no idle limit.
    public var idleTimeout: Int64?
    /// Groups the session has beside its own.
    public var groups: [String]

    public init(
        claims: Claims, trustEntry: String, role: Role, kind: AccountKind, duration: Int64, idleTimeout: Int64?,
        groups: [String]
    ) {
        self.claims = claims
        self.trustEntry = trustEntry
        self.role = role
        self.kind = kind
        self.duration = duration
        self.idleTimeout = idleTimeout
        self.groups = groups
    }
}
