public import UsherWire

/// A session as the agent tells of it. Times are seconds since 1970-01-01 UTC, lengths are seconds.
public struct ControlSession: Equatable, Sendable {
    public enum State: String, Sendable {
        case opening, open, closing, closed
    }

    public enum Kind: String, Sendable {
        case ephemeral, existing
    }

    public enum IdleCounts: String, Sendable {
        case input, io
    }

    /// What the agent sent, checked.
    public let wire: JSONObject
    public let id: String
    public let state: State
    public let account: String
    public let kind: Kind
    public let uid: Int64
    public let subject: String
    public let actor: String?
    public let owner: String?
    public let role: String
    public let approval: String?
    public let change: String?
    public let issuer: String
    public let key: String
    public let ticket: String
    public let service: String
    public let terminal: String?
    public let remoteHost: String?
    public let leader: Int64
    public let auditSession: Int64
    public let openedAt: Int64
    public let endsAt: Int64
    public let idleLimit: Int64?
    public let idleCounts: IdleCounts?
    /// Oldest first; empty in lists of sessions.
    public let extensions: [ControlExtension]
    public let closedAt: Int64?
    public let endReason: String?
    public let endedBy: String?
    /// When the end began.
    public let endedAt: Int64?
    /// How many things its last signed record names as left; nil before it is closed.
    public let left: Int64?

    public init(_ object: JSONObject) throws(ControlError) {
        var fields = AnswerFields(object)
        wire = object
        id = try fields.string("id")
        state = try fields.choice("state", of: State.self)
        account = try fields.string("account")
        kind = try fields.choice("kind", of: Kind.self)
        uid = try fields.integer("uid")
        subject = try fields.string("subject")
        actor = try fields.optionalString("actor")
        owner = try fields.optionalString("owner")
        role = try fields.string("role")
        approval = try fields.optionalString("approval")
        change = try fields.optionalString("change")
        issuer = try fields.string("issuer")
        key = try fields.string("key")
        ticket = try fields.string("ticket")
        service = try fields.string("service")
        terminal = try fields.optionalString("terminal")
        remoteHost = try fields.optionalString("remoteHost")
        leader = try fields.integer("leader")
        auditSession = try fields.integer("auditSession")
        openedAt = try fields.integer("openedAt")
        endsAt = try fields.integer("endsAt")
        idleLimit = try fields.optionalInteger("idleLimit")
        idleCounts = try fields.optionalChoice("idleCounts", of: IdleCounts.self)
        var extensions: [ControlExtension] = []
        for object in try fields.optionalObjects("extensions") ?? [] { extensions.append(try ControlExtension(object)) }
        self.extensions = extensions
        closedAt = try fields.optionalInteger("closedAt")
        endReason = try fields.optionalString("endReason")
        endedBy = try fields.optionalString("endedBy")
        endedAt = try fields.optionalInteger("endedAt")
        left = try fields.optionalInteger("left")
        try fields.end()
    }
}

/// An administrator moved the end of a session.
public struct ControlExtension: Equatable, Sendable {
    public let at: Int64
    public let by: String
    public let reason: String
    public let seconds: Int64
    public let endsAt: Int64

    public init(_ object: JSONObject) throws(ControlError) {
        var fields = AnswerFields(object)
        at = try fields.integer("at")
        by = try fields.string("by")
        reason = try fields.string("reason")
        seconds = try fields.integer("seconds")
        endsAt = try fields.integer("endsAt")
        try fields.end()
    }
}

/// A role of the host as the agent applies it.
public struct ControlRole: Equatable, Sendable {
    /// What the agent sent, checked.
    public let wire: JSONObject
    public let name: String
    public let accounts: [String]
    public let groups: [String]
    public let services: [String]
    public let require: [String]
    /// Seconds.
    public let maxDuration: Int64
    /// Seconds.
    public let idleTimeout: Int64?
    public let idleCounts: ControlSession.IdleCounts
    public let shell: String
    public let privileged: Bool

    public init(_ object: JSONObject) throws(ControlError) {
        var fields = AnswerFields(object)
        wire = object
        name = try fields.string("name")
        accounts = try fields.strings("accounts")
        groups = try fields.strings("groups")
        services = try fields.strings("services")
        require = try fields.strings("require")
        maxDuration = try fields.integer("maxDuration")
        idleTimeout = try fields.optionalInteger("idleTimeout")
        idleCounts = try fields.choice("idleCounts", of: ControlSession.IdleCounts.self)
        shell = try fields.string("shell")
        privileged = try fields.boolean("privileged")
        try fields.end()
    }
}

/// Why a reference such as `7F3K-Q2` was given out.
public struct ControlRefusal: Equatable, Sendable {
    /// What the agent sent, checked.
    public let wire: JSONObject
    public let reference: String
    /// Seconds since 1970-01-01 UTC.
    public let at: Int64
    public let code: String
    public let reason: String
    public let account: String
    public let service: String
    public let remoteHost: String?
    public let issuer: String?
    public let ticket: String?
    public let subject: String?

    public init(_ object: JSONObject) throws(ControlError) {
        var fields = AnswerFields(object)
        wire = object
        reference = try fields.string("reference")
        at = try fields.integer("at")
        code = try fields.string("code")
        reason = try fields.string("reason")
        account = try fields.string("account")
        service = try fields.string("service")
        remoteHost = try fields.optionalString("remoteHost")
        issuer = try fields.optionalString("issuer")
        ticket = try fields.optionalString("ticket")
        subject = try fields.optionalString("subject")
        try fields.end()
    }
}

/// Whether the agent would admit a ticket.
public enum ControlVerdict: Equatable, Sendable {
    case admissible
    case refused(code: String, reason: String)

    init(_ object: JSONObject) throws(ControlError) {
        var fields = AnswerFields(object)
        let admissible = try fields.boolean("admissible")
        let code = try fields.optionalString("code")
        let reason = try fields.optionalString("reason")
        try fields.end()
        switch (admissible, code, reason) {
        case (true, nil, nil): self = .admissible
        case (false, let code?, let reason?): self = .refused(code: code, reason: reason)
        default: throw .malformed(reason: "admissible contradicts code and reason")
        }
    }
}

/// What a reload of trust entries and roles left in force.
public struct ControlReload: Equatable, Sendable {
    public let trustEntries: Int64
    public let roles: Int64

    init(_ object: JSONObject) throws(ControlError) {
        var fields = AnswerFields(object)
        trustEntries = try fields.integer("trustEntries")
        roles = try fields.integer("roles")
        try fields.end()
    }
}

/// The host and its agent.
public struct ControlHost: Equatable, Sendable {
    public let id: String
    public let version: String
    /// Seconds since 1970-01-01 UTC.
    public let startedAt: Int64
    public let liveSessions: Int64
    /// The public JWK that verifies the host's receipts.
    public let key: String

    init(_ object: JSONObject) throws(ControlError) {
        var fields = AnswerFields(object)
        id = try fields.string("id")
        version = try fields.string("version")
        startedAt = try fields.integer("startedAt")
        liveSessions = try fields.integer("liveSessions")
        key = try fields.string("key")
        try fields.end()
    }
}
