public import UsherWire

/// One thing that happened, as the evidence log keeps it: an event of the Open Cybersecurity Schema Framework with our
/// fields under one key. Sequence and hash are the log's, not the record's.
public struct EvidenceRecord: Sendable, Equatable {
    /// The schema that the class and activity numbers are of: https://schema.ocsf.io/1.3.0
    public static let schemaVersion = "1.3.0"

    /// The classes in use; the raw value is OCSF's `class_uid`, whose thousands are the category.
    public enum Class: Int, Sendable, CaseIterable {
        case fileSystemActivity = 1001
        case processActivity = 1007
        case detectionFinding = 2004
        case accountChange = 3001
        case authentication = 3002
        case authorizeSession = 3003
        case entityManagement = 3004
        case networkActivity = 4001
        /// What OCSF has no class for: gaps, checkpoints. Base Event.
        case base = 0
    }

    /// OCSF's `severity_id`.
    public enum Severity: Int, Sendable, CaseIterable {
        case informational = 1, low, medium, high, critical
    }

    /// How the session is known.
    public enum Attribution: String, Sendable, CaseIterable {
        /// By `auid` and `ses`, which the kernel stamped.
        case kernel
        /// By what the agent knows besides: cgroup, uid of an ephemeral account, a job that the session queued.
        case inferred
        /// It could be a session's, and the kernel cannot say which: never a guess.
        case unknown
        /// The agent's own act.
        case agent
    }

    /// Milliseconds since 1970-01-01 UTC: when it happened, not when it was written.
    public var milliseconds: Int64
    public var category: Class
    /// OCSF's `activity_id` of the class; 99 is "other" everywhere.
    public var activity: Int
    public var severity: Severity
    /// One readable line.
    public var message: String
    /// `s-…`; nil for what concerns no session, or where `attribution` is `unknown`.
    public var session: String?
    public var attribution: Attribution
    /// The word for it under our key: `exec`, `refused`, `opened`, `gap` …; lower case, closed by its producers.
    public var kind: String
    /// Attributes of the OCSF class (`process`, `actor`, `file`, `dst_endpoint`, `status_id` …).
    public var attributes: JSONObject
    /// More of our own, under our key: subject, ticket, approval, change, role, audit stamp, interval of a gap.
    public var details: JSONObject

    public init(
        milliseconds: Int64, category: Class, activity: Int, severity: Severity = .informational, message: String,
        session: String? = nil, attribution: Attribution, kind: String, attributes: JSONObject = JSONObject(),
        details: JSONObject = JSONObject()
    ) {
        self.milliseconds = milliseconds
        self.category = category
        self.activity = activity
        self.severity = severity
        self.message = message
        self.session = session
        self.attribution = attribution
        self.kind = kind
        self.attributes = attributes
        self.details = details
    }
}
