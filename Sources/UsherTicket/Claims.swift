public import UsherWire

/// What a ticket may be used for.
public enum Use: String, CaseIterable, Sendable {
    case login, stepup, breakglass
}

/// The claims of a ticket, each under the name that the design's table gives it. A value of this type may
/// still be wrong (a lifetime of an hour, a role with a space): `ClaimRules.check` says so, and both the
/// parser and the signer apply it.
public struct Claims: Equatable, Sendable {
    /// `iss`: the broker.
    public var issuer: String
    /// `kid` of the header: the broker's key.
    public var keyID: String
    /// `aud`: the one host it is good for.
    public var audience: String
    /// `sub`: whom the ticket speaks of.
    public var subject: String?
    /// `jti`: 128 random bits in base64url, 22 characters.
    public var ticketID: String
    /// `iat`: seconds since 1970-01-01 UTC.
    public var issuedAt: Int64
    /// `nbf`: not good before; absent means from `issuedAt` on.
    public var notBefore: Int64?
    /// `exp`: to be redeemed before; at most `ClaimRules.longestLifetime` seconds after `issuedAt`.
    public var expiresAt: Int64
    /// `usr`: account to log in as; for sudo and su the invoker.
    public var account: String
    /// `tgt`: target account of sudo and su.
    public var target: String?
    /// `rol`: role, defined by the host.
    public var role: String?
    /// `max`: longest session in seconds; can only shorten the role's.
    public var maximumDuration: Int64?
    /// `idl`: idle limit in seconds; can only shorten the role's.
    public var idleTimeout: Int64?
    /// `act`: who acts for the subject; `{"sub": …}` after RFC 8693 section 4.1.
    public var actor: String?
    /// `own`: the person accountable for a subject that is no person.
    public var owner: String?
    /// `apr`: approval id.
    public var approval: String?
    /// `chg`: change or incident number.
    public var change: String?
    /// `svc`: PAM services it is good for; nil stands for `sshd` alone.
    public var services: [String]?
    /// `src`: address or network that the login must come from.
    public var source: AddressRange?
    /// `cnf`: the SSH key that must have authenticated in the same connection; `{"ssh": "SHA256:…"}` after
    /// RFC 7800 section 3.
    public var key: KeyFingerprint?
    /// `cmd`: the only command the session may run.
    public var command: String?
    /// `use`: what it is for; absent means login.
    public var use: Use
    /// `ses`: the session that a step-up raises.
    public var session: String?
    /// Claims whose names start with `x_`: carried, never believed by the host.
    public var extensions: JSONObject

    public init(
        issuer: String, keyID: String, audience: String, ticketID: String, issuedAt: Int64, expiresAt: Int64,
        account: String, subject: String? = nil, role: String? = nil, notBefore: Int64? = nil, target: String? = nil,
        maximumDuration: Int64? = nil, idleTimeout: Int64? = nil, actor: String? = nil, owner: String? = nil,
        approval: String? = nil, change: String? = nil, services: [String]? = nil, source: AddressRange? = nil,
        key: KeyFingerprint? = nil, command: String? = nil, use: Use = .login, session: String? = nil,
        extensions: JSONObject = JSONObject()
    ) {
        self.issuer = issuer
        self.keyID = keyID
        self.audience = audience
        self.subject = subject
        self.ticketID = ticketID
        self.issuedAt = issuedAt
        self.notBefore = notBefore
        self.expiresAt = expiresAt
        self.account = account
        self.target = target
        self.role = role
        self.maximumDuration = maximumDuration
        self.idleTimeout = idleTimeout
        self.actor = actor
        self.owner = owner
        self.approval = approval
        self.change = change
        self.services = services
        self.source = source
        self.key = key
        self.command = command
        self.use = use
        self.session = session
        self.extensions = extensions
    }

    /// The services it is good for, with the default filled in.
    public var effectiveServices: [String] { services ?? ["sshd"] }
}
