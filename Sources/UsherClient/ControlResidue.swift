public import UsherWire

/// What keeps a uid from being given again.
public struct ControlResidue: Equatable, Sendable {
    public enum Cause: String, Sendable {
        /// An ended session left them.
        case files
        /// They have the uid and belong to no session.
        case processes
    }

    /// One thing that was found.
    public struct Finding: Equatable, Sendable {
        public let kind: String
        public let what: String
        public let count: Int64

        init(_ object: JSONObject) throws(ControlError) {
            var fields = AnswerFields(object)
            kind = try fields.string("kind")
            what = try fields.string("what")
            count = try fields.integer("count")
            try fields.end()
        }
    }

    /// What the agent sent, checked.
    public let wire: JSONObject
    public let uid: Int64
    public let cause: Cause
    public let session: String?
    public let account: String?
    /// How many things.
    public let found: Int64
    /// The first of them.
    public let findings: [Finding]
    /// Seconds since 1970-01-01 UTC, like the others.
    public let foundAt: Int64?
    public let seenAt: Int64?
    /// `adopted`, `removed` or `gone`; nil while the uid is in quarantine for it.
    public let settled: String?
    public let settledAt: Int64?
    public let settledBy: String?
    public let settledReason: String?

    public init(_ object: JSONObject) throws(ControlError) {
        var fields = AnswerFields(object)
        wire = object
        uid = try fields.integer("uid")
        cause = try fields.choice("cause", of: Cause.self)
        session = try fields.optionalString("session")
        account = try fields.optionalString("account")
        found = try fields.integer("found")
        var findings: [Finding] = []
        for object in try fields.objects("findings") { findings.append(try Finding(object)) }
        self.findings = findings
        foundAt = try fields.optionalInteger("foundAt")
        seenAt = try fields.optionalInteger("seenAt")
        settled = try fields.optionalString("settled")
        settledAt = try fields.optionalInteger("settledAt")
        settledBy = try fields.optionalString("settledBy")
        settledReason = try fields.optionalString("settledReason")
        try fields.end()
    }
}

/// How far a search, an adoption or a removal is.
public struct ControlResidueJob: Equatable, Sendable {
    public enum State: String, Sendable {
        case running, done, failed
    }

    public let state: State
    /// Files and directories looked at.
    public let entries: Int64
    /// The file system that it is in.
    public let place: String
    /// How many uids have left something.
    public let uids: Int64
    /// How many things of theirs.
    public let found: Int64
    /// How many were adopted or removed.
    public let handled: Int64
    /// Everything was seen.
    public let complete: Bool
    /// Why it failed, or is not complete.
    public let problems: [String]

    public init(_ object: JSONObject) throws(ControlError) {
        var fields = AnswerFields(object)
        state = try fields.choice("state", of: State.self)
        entries = try fields.integer("entries")
        place = try fields.string("place")
        uids = try fields.integer("uids")
        found = try fields.integer("found")
        handled = try fields.integer("handled")
        complete = try fields.boolean("complete")
        problems = try fields.strings("problems")
        try fields.end()
    }
}
