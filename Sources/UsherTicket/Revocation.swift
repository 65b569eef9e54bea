/// One thing that must not log in any more, and why. Made by an administrator's command or read from a signed list; the
/// same rules hold for both.
public struct RevocationEntry: Hashable, Sendable {
    /// What is revoked.
    public enum Kind: String, CaseIterable, Sendable {
        /// One ticket, by issuer and id.
        case ticket
        /// Whoever a ticket speaks of, who acts for it, or who answers for it.
        case subject
        case account
        case role
        /// Every ticket that a broker's key signed, by its `kid`.
        case key
        /// Every ticket there is.
        case all
    }

    public let kind: Kind
    /// The ticket's `jti`, the subject, account, role or `kid`; empty for `all`.
    public let value: String
    /// The `iss` of a ticket; empty for everything else.
    public let issuer: String
    /// One line of printable ASCII.
    public let reason: String
    /// When a revoked ticket can no longer be presented: seconds since 1970-01-01 UTC; nil when that is not known, and
    /// for everything else.
    public let expiresAt: Int64?

    /// Throws what no ticket could match, or what could not stand in a journal.
    public init(
        kind: Kind, value: String = "", issuer: String = "", reason: String, expiresAt: Int64? = nil
    ) throws(TicketError) {
        (self.kind, self.value, self.issuer, self.reason) = (kind, value, issuer, reason)
        self.expiresAt = expiresAt
        try TextRule.reason.check(reason, "reason")
        switch kind {
        case .ticket:
            try TextRule.issuer.check(issuer, "issuer")
            try Self.checkBytes(value, 16, "value is not the id of a ticket: 128 bits in base64url")
        case .subject: try ClaimRules.checkSubject(value, "value", kinds: ClaimRules.subjectKinds)
        case .account: try TextRule.account.check(value, "value")
        case .role: try TextRule.name.check(value, "value")
        case .key: try Self.checkBytes(value, 8, "value is not the id of a key: 8 bytes in base64url")
        case .all:
            guard value.isEmpty else {
                throw TicketError(code: .claimNotAllowed, detail: "value does not belong to kind all")
            }
        }
        guard kind == .ticket || issuer.isEmpty else {
            throw TicketError(code: .claimNotAllowed, detail: "issuer is for kind ticket alone")
        }
        if let expiresAt {
            guard kind == .ticket, expiresAt >= 0, expiresAt <= ClaimRules.latestTime else {
                throw TicketError(code: .invalidTimes, detail: "exp is the time of a ticket, in seconds")
            }
        }
    }

    private static func checkBytes(_ text: String, _ count: Int, _ detail: String) throws(TicketError) {
        guard Base64URL.decode(Array(text.utf8))?.count == count else {
            throw TicketError(code: .invalidClaim, detail: detail)
        }
    }
}

/// What a revocation list says. `RevocationListParser` and `RevocationListSigner` hold its bounds.
public struct RevocationList: Equatable, Sendable {
    /// Bytes of a signed list, its line end aside.
    public static let longestBytes = 1_048_576
    public static let mostEntries = 4096
    /// Seconds between `iat` and `exp`: 31 days. A list that is never renewed must not go on for ever.
    public static let longestLifetime: Int64 = 2_678_400
    /// By how much `num` may grow from one list that a host takes to the next: a week of one a minute. So a slip, or
    /// one list of a stolen key, cannot use up the numbers and leave no room for those that follow.
    public static let longestStep: Int64 = 10_000
    /// The largest number of the first list that a host sees; after it only steps count.
    public static let largestFirstNumber: Int64 = 4_294_967_295

    /// `iss`.
    public var issuer: String
    /// `kid` of the header.
    public var keyID: String
    /// `iat`: seconds since 1970-01-01 UTC.
    public var issuedAt: Int64
    /// `exp`: from then on the host acts as if there were no list.
    public var expiresAt: Int64
    /// `num`: from 1, larger in each later list.
    public var number: Int64
    /// `rev`.
    public var entries: [RevocationEntry]

    public init(
        issuer: String, keyID: String, issuedAt: Int64, expiresAt: Int64, number: Int64, entries: [RevocationEntry]
    ) {
        self.issuer = issuer
        self.keyID = keyID
        self.issuedAt = issuedAt
        self.expiresAt = expiresAt
        self.number = number
        self.entries = entries
    }

    func check() throws(TicketError) {
        try TextRule.issuer.check(issuer, "iss")
        for (time, claim) in [(issuedAt, "iat"), (expiresAt, "exp")] {
            guard time >= 0, time <= ClaimRules.latestTime else {
                throw TicketError(code: .invalidTimes, detail: "\(claim) is not a time in seconds")
            }
        }
        guard expiresAt > issuedAt else { throw TicketError(code: .invalidTimes, detail: "exp is not after iat") }
        guard expiresAt - issuedAt <= Self.longestLifetime else {
            throw TicketError(code: .lifetimeTooLong, detail: "exp is more than \(Self.longestLifetime) s after iat")
        }
        // RFC 7493 section 2.2: other readers of JSON know integers up to 2^53 only.
        guard number >= 1, number < 1 << 53 else {
            throw TicketError(code: .invalidClaim, detail: "num is not 1 to 2^53 - 1")
        }
        guard entries.count <= Self.mostEntries else {
            throw TicketError(
                code: .tooLong, detail: "rev has \(entries.count) entries, at most \(Self.mostEntries) are taken")
        }
        var seen: Set<[String]> = []
        for (index, entry) in entries.enumerated() {
            guard seen.insert([entry.kind.rawValue, entry.issuer, entry.value]).inserted else {
                throw TicketError(code: .invalidClaim, detail: "entry \(index + 1) of rev repeats an earlier one")
            }
        }
    }
}

/// A list whose form is right and whose signature nobody has checked yet.
public struct SignedRevocationList: Sendable {
    /// What it says: believe nothing of it before `verify(with:)`.
    public let unverified: RevocationList
    private let signed: CompactJWS

    init(unverified: RevocationList, signed: CompactJWS) {
        self.unverified = unverified
        self.signed = signed
    }

    /// Whether the key's holder signed exactly these bytes.
    public func verify(with key: PublicKey) -> Bool { signed.verify(with: key) }

    /// Whether both are the same bytes.
    public func isSame(as other: SignedRevocationList) -> Bool {
        signed.signingInput == other.signed.signingInput && signed.signature == other.signed.signature
    }
}
