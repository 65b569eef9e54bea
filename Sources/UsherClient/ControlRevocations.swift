public import UsherWire

/// Something that must not log in any more, as the agent tells of it. Times are seconds since 1970-01-01 UTC.
public struct ControlRevocation: Equatable, Sendable {
    public enum Kind: String, Sendable {
        case ticket, subject, account, role, key, all
    }

    public enum Source: String, Sendable {
        case command, list, trust
    }

    /// What the agent sent, checked.
    public let wire: JSONObject
    /// `r-` and 16 base32 characters; nil for one of a list or a trust entry.
    public let id: String?
    public let kind: Kind
    /// Nil for `all`.
    public let value: String?
    public let issuer: String?
    public let reason: String
    public let by: String
    public let at: Int64
    public let expiresAt: Int64?
    public let source: Source
    public let liftedAt: Int64?
    public let liftedBy: String?
    public let liftReason: String?

    public init(_ object: JSONObject) throws(ControlError) {
        var fields = AnswerFields(object)
        wire = object
        id = try fields.optionalString("id")
        kind = try fields.choice("kind", of: Kind.self)
        value = try fields.optionalString("value")
        issuer = try fields.optionalString("issuer")
        reason = try fields.string("reason")
        by = try fields.string("by")
        at = try fields.integer("at")
        expiresAt = try fields.optionalInteger("expiresAt")
        source = try fields.choice("source", of: Source.self)
        liftedAt = try fields.optionalInteger("liftedAt")
        liftedBy = try fields.optionalString("liftedBy")
        liftReason = try fields.optionalString("liftReason")
        try fields.end()
    }
}

/// What a revocation met when it was made.
public struct ControlRevocationOutcome: Equatable, Sendable {
    /// What the agent sent, checked.
    public let wire: JSONObject
    public let revocation: ControlRevocation
    public let stoodBefore: Bool
    public let sessionsEnded: Int64
    public let admissionsLapsed: Int64
    public let warnings: [String]

    init(_ object: JSONObject) throws(ControlError) {
        var fields = AnswerFields(object)
        wire = object
        revocation = try ControlRevocation(try fields.object("revocation"))
        stoodBefore = try fields.boolean("stoodBefore")
        sessionsEnded = try fields.integer("sessionsEnded")
        admissionsLapsed = try fields.integer("admissionsLapsed")
        warnings = try fields.strings("warnings")
        try fields.end()
    }
}

/// How the host stands with its signed revocation list.
public struct ControlRevocationList: Equatable, Sendable {
    public enum State: String, Sendable {
        case inForce, missing, expired
    }

    public enum WhenMissing: String, Sendable {
        case refuse, alarm
    }

    public let path: String
    public let state: State
    public let whenMissing: WhenMissing
    public let problem: String?
    public let number: Int64?
    public let issuer: String?
    public let key: String?
    public let issuedAt: Int64?
    public let expiresAt: Int64?
    public let entries: Int64?

    public init(_ object: JSONObject) throws(ControlError) {
        var fields = AnswerFields(object)
        path = try fields.string("path")
        state = try fields.choice("state", of: State.self)
        whenMissing = try fields.choice("whenMissing", of: WhenMissing.self)
        problem = try fields.optionalString("problem")
        number = try fields.optionalInteger("number")
        issuer = try fields.optionalString("issuer")
        key = try fields.optionalString("key")
        issuedAt = try fields.optionalInteger("issuedAt")
        expiresAt = try fields.optionalInteger("expiresAt")
        entries = try fields.optionalInteger("entries")
        try fields.end()
    }
}

/// What is revoked on the host.
public struct ControlRevocations: Equatable, Sendable {
    /// What the agent sent, checked.
    public let wire: JSONObject
    public let revocations: [ControlRevocation]
    /// How many stand, also where fewer were asked for.
    public let standing: Int64
    /// Nil when the host has no list.
    public let list: ControlRevocationList?

    init(_ object: JSONObject) throws(ControlError) {
        var fields = AnswerFields(object)
        wire = object
        var revocations: [ControlRevocation] = []
        for object in try fields.objects("revocations") { revocations.append(try ControlRevocation(object)) }
        self.revocations = revocations
        standing = try fields.integer("standing")
        list = try fields.optionalObject("list").map { object throws(ControlError) in
            try ControlRevocationList(object)
        }
        try fields.end()
    }
}
