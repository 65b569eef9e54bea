/// What a session was and how its end went, in the words that are signed. Times are seconds since 1970-01-01 UTC.
public struct Receipt: Sendable, Equatable {
    /// Who and what the session was.
    public struct Session: Sendable, Equatable {
        public var id: String
        public var account: String
        /// `ephemeral` or `existing`.
        public var kind: String
        public var uid: UInt32
        public var subject: String
        public var actor: String?
        public var owner: String?
        public var role: String
        public var issuer: String
        public var key: String
        public var ticket: String
        public var approval: String?
        public var change: String?
        public var service: String
        public var remoteHost: String?
        /// The kernel's `ses`.
        public var auditSession: UInt32
        public var bootID: String

        public init(
            id: String, account: String, kind: String, uid: UInt32, subject: String, actor: String? = nil,
            owner: String? = nil, role: String, issuer: String, key: String, ticket: String, approval: String? = nil,
            change: String? = nil, service: String, remoteHost: String? = nil, auditSession: UInt32, bootID: String
        ) {
            self.id = id
            self.account = account
            self.kind = kind
            self.uid = uid
            self.subject = subject
            self.actor = actor
            self.owner = owner
            self.role = role
            self.issuer = issuer
            self.key = key
            self.ticket = ticket
            self.approval = approval
            self.change = change
            self.service = service
            self.remoteHost = remoteHost
            self.auditSession = auditSession
            self.bootID = bootID
        }
    }

    /// One step with bounded lists; see `TeardownStep`.
    public struct Step: Sendable, Equatable {
        public var name: TeardownStep.Name
        public var microseconds: Int64
        public var attempts: Int
        public var removed: FindingList
        public var left: FindingList
        public var skipped: String?

        public init(
            name: TeardownStep.Name, microseconds: Int64, attempts: Int, removed: FindingList, left: FindingList,
            skipped: String? = nil
        ) {
            self.name = name
            self.microseconds = microseconds
            self.attempts = attempts
            self.removed = removed
            self.left = left
            self.skipped = skipped
        }
    }

    /// The host's id.
    public var host: String
    public var session: Session
    public var openedAt: Int64
    /// When the end began; nil for a session that an earlier version ended.
    public var endedAt: Int64?
    public var closedAt: Int64
    public var reason: String
    public var by: String
    public var steps: [Step]

    /// Steps are cut to what a receipt may hold: the first findings are told, the rest is counted.
    public init(
        host: String, session: Session, openedAt: Int64, endedAt: Int64?, closedAt: Int64, reason: String, by: String,
        steps: [TeardownStep]
    ) {
        self.host = host
        self.session = session
        self.openedAt = openedAt
        self.endedAt = endedAt
        self.closedAt = closedAt
        self.reason = FindingList.printable(reason)
        self.by = FindingList.printable(by)
        // What is left matters most: it is told first, and what was removed shares the rest.
        var room = ReceiptLimits.findings
        let left = steps.map { FindingList($0.left, room: &room) }
        self.steps = zip(steps, left).map { step, left in
            Step(
                name: step.name, microseconds: step.microseconds, attempts: step.attempts,
                removed: FindingList(step.removed, room: &room), left: left,
                skipped: step.skipped.map { FindingList.printable($0) })
        }
    }

    init(
        host: String, session: Session, openedAt: Int64, endedAt: Int64?, closedAt: Int64, reason: String, by: String,
        read steps: [Step]
    ) {
        self.host = host
        self.session = session
        self.openedAt = openedAt
        self.endedAt = endedAt
        self.closedAt = closedAt
        self.reason = reason
        self.by = by
        self.steps = steps
    }

    /// How many things were found and had to stay.
    public var leftCount: Int { steps.reduce(0) { $0 + $1.left.total } }
}

/// What became known of a session after its receipt was signed. Records of one session are numbered from 1 (the
/// receipt is 0), and each names the SHA-256 of the one before it, so that none can be left out unseen.
public struct ReceiptSupplement: Sendable, Equatable {
    public enum Event: String, Sendable, CaseIterable {
        /// A scan found files of the account's uid.
        case found
        /// An administrator gave them to another account.
        case adopted
        /// An administrator had them removed.
        case removed
        /// A scan of everything found them gone.
        case gone
    }

    public var host: String
    public var session: String
    public var account: String
    public var uid: UInt32
    /// From 1.
    public var number: Int
    /// SHA-256 of the record before, 43 characters of base64url.
    public var previous: String
    public var at: Int64
    public var event: Event
    /// `agent`, or the administrator.
    public var by: String
    /// An administrator's reason.
    public var reason: String?
    public var findings: FindingList
    /// How many things are left now.
    public var leftCount: Int

    public init(
        host: String, session: String, account: String, uid: UInt32, number: Int, previous: String, at: Int64,
        event: Event, by: String, reason: String? = nil, findings: FindingList, leftCount: Int
    ) {
        self.host = host
        self.session = session
        self.account = account
        self.uid = uid
        self.number = number
        self.previous = previous
        self.at = at
        self.event = event
        self.by = FindingList.printable(by)
        self.reason = reason.map { FindingList.printable($0) }
        self.findings = findings
        self.leftCount = leftCount
    }
}

/// Findings as a receipt tells them: the first, and how many more there were.
public struct FindingList: Sendable, Equatable {
    public let findings: [Finding]
    /// How many things are not told one by one.
    public let more: Int

    public init(_ findings: [Finding] = []) {
        var room = ReceiptLimits.findingsOfList
        self.init(findings, room: &room)
    }

    init(_ findings: [Finding], room: inout Int) {
        let told = min(findings.count, ReceiptLimits.findingsOfList, room)
        room -= told
        self.findings = findings.prefix(told).map { finding in
            Finding(
                kind: Self.printable(finding.kind), what: Self.printable(finding.what), count: max(1, finding.count))
        }
        more = findings.dropFirst(told).reduce(0) { $0 + max(1, $1.count) }
    }

    init(read findings: [Finding], more: Int) {
        self.findings = findings
        self.more = more
    }

    /// How many things, told or not.
    public var total: Int { findings.reduce(more) { $0 + $1.count } }

    /// At most 256 bytes, without control characters: names of files are written by whoever was in the session.
    static func printable(_ text: String) -> String {
        var output = ""
        for scalar in text.unicodeScalars {
            let safe: Unicode.Scalar = scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value) ? "?" : scalar
            guard output.utf8.count + UTF8.width(safe) <= ReceiptLimits.textBytes else { break }
            output.unicodeScalars.append(safe)
        }
        return output
    }
}

/// What keeps a receipt small, whatever a session left.
public enum ReceiptLimits {
    /// Findings told in one list.
    public static let findingsOfList = 32
    /// Findings told in all lists of a receipt together.
    public static let findings = 256
    /// Of a reason, a name or a path.
    public static let textBytes = 256
    /// A signed record: 256 findings of 256 bytes that JSON doubles, in base64, stay below it.
    public static let recordBytes = 262_144
    /// A receipt with its supplements, as a file.
    public static let fileBytes = 4_194_304
}
