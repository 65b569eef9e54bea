/// Something that must not log in any more, and who said so.
public struct Revocation: Sendable, Equatable {
    public enum Kind: String, Sendable, CaseIterable {
        case ticket, subject, account, role, key, all
    }

    /// Where it stands, and so who can lift it.
    public enum Source: String, Sendable {
        /// An administrator's command; lifted by another.
        case command
        /// The signed list in force; lifted by a later list.
        case list
        /// A trust entry that is marked as revoked; lifted where that file is changed.
        case trust
    }

    /// `r-` and 16 base32 characters, for those of a command; empty for others.
    public var id: String
    public var kind: Kind
    /// The ticket's id, subject, account, role or key id; empty for `all`.
    public var value: String
    /// Of a ticket; empty for others.
    public var issuer: String
    public var reason: String
    /// `uid 0 (pid 123)`, or which list or trust entry.
    public var by: String
    /// Seconds since 1970.
    public var at: Int64
    /// When a revoked ticket can no longer be presented, seconds since 1970; nil when that is not known.
    public var expiresAt: Int64?
    public var source: Source
    /// Nil while it stands.
    public var lifted: Lifting?

    public struct Lifting: Sendable, Equatable {
        /// Seconds since 1970.
        public var at: Int64
        public var by: String
        public var reason: String

        public init(at: Int64, by: String, reason: String) {
            self.at = at
            self.by = by
            self.reason = reason
        }
    }

    public init(
        id: String, kind: Kind, value: String, issuer: String, reason: String, by: String, at: Int64,
        expiresAt: Int64? = nil, source: Source, lifted: Lifting? = nil
    ) {
        self.id = id
        self.kind = kind
        self.value = value
        self.issuer = issuer
        self.reason = reason
        self.by = by
        self.at = at
        self.expiresAt = expiresAt
        self.source = source
        self.lifted = lifted
    }

    /// What is revoked, why and by whom: one line for journals and refusals.
    public var summary: String {
        let what = kind == .all ? "every ticket" : "\(kind.rawValue) \(value)"
        let which = id.isEmpty ? by : "\(id) by \(by)"
        return "\(what) is revoked: \(reason) (\(which))"
    }
}
