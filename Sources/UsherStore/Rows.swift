/// Who signed in: the facts of the ticket that stay with an admission and its session for good.
public struct TicketFacts: Sendable, Equatable {
    public var issuer: String
    public var keyID: String
    public var ticketID: String
    /// Seconds since 1970; the ledger forgets the ticket only after this and the host's skew.
    public var expiresAt: Int64
    public var subject: String
    public var actor: String?
    public var owner: String?
    public var role: String
    public var approval: String?
    public var change: String?

    public init(
        issuer: String, keyID: String, ticketID: String, expiresAt: Int64, subject: String, actor: String?,
        owner: String?, role: String, approval: String?, change: String?
    ) {
        self.issuer = issuer
        self.keyID = keyID
        self.ticketID = ticketID
        self.expiresAt = expiresAt
        self.subject = subject
        self.actor = actor
        self.owner = owner
        self.role = role
        self.approval = approval
        self.change = change
    }
}

/// A process that cannot be confused with a later one of the same pid: start time in clock ticks since boot.
public struct ProcessKey: Sendable, Hashable {
    public var pid: Int32
    public var startTime: UInt64

    public init(pid: Int32, startTime: UInt64) {
        self.pid = pid
        self.startTime = startTime
    }
}

/// Whether an account was made for one session or belongs to the host.
public enum AccountKind: String, Sendable {
    case ephemeral, existing
}

/// What keeps a session from being idle.
public enum IdleCounts: String, Sendable {
    /// What is typed on its terminals.
    case input
    /// That, and what its processes do.
    case io
}

public enum AdmissionState: String, Sendable {
    case waiting, used, lapsed
}

/// A ticket was accepted and burned; the login process may open one session with it.
public struct Admission: Sendable, Equatable {
    /// 26 base32 characters, 128 random bits; only the login process knows them.
    public var handle: String
    public var state: AdmissionState
    public var bootID: String
    public var login: ProcessKey
    public var account: String
    public var kind: AccountKind
    public var uid: UInt32
    public var service: String
    public var terminal: String?
    public var remoteHost: String?
    public var ticket: TicketFacts
    /// Seconds.
    public var maxDuration: Int64
    public var idleLimit: Int64?
    public var idleCounts: IdleCounts
    public var shell: String
    public var groups: [String]
    /// Seconds since 1970.
    public var admittedAt: Int64
    /// Nanoseconds on the boot clock, which no one can set.
    public var admittedBoot: Int64

    public init(
        handle: String, state: AdmissionState, bootID: String, login: ProcessKey, account: String, kind: AccountKind,
        uid: UInt32, service: String, terminal: String?, remoteHost: String?, ticket: TicketFacts, maxDuration: Int64,
        idleLimit: Int64?, idleCounts: IdleCounts = .input, shell: String, groups: [String], admittedAt: Int64,
        admittedBoot: Int64
    ) {
        self.handle = handle
        self.state = state
        self.bootID = bootID
        self.login = login
        self.account = account
        self.kind = kind
        self.uid = uid
        self.service = service
        self.terminal = terminal
        self.remoteHost = remoteHost
        self.ticket = ticket
        self.maxDuration = maxDuration
        self.idleLimit = idleLimit
        self.idleCounts = idleCounts
        self.shell = shell
        self.groups = groups
        self.admittedAt = admittedAt
        self.admittedBoot = admittedBoot
    }
}

public enum SessionState: String, Sendable {
    case opening, open, closing, closed
}

/// A session, from the opening of the PAM session to the end of its teardown.
public struct Session: Sendable, Equatable {
    /// `s-` and 16 base32 characters.
    public var id: String
    public var state: SessionState
    public var admission: Admission
    public var leader: ProcessKey
    /// The kernel's session id (`ses`), set by pam_loginuid before the session opened.
    public var auditSession: UInt32
    public var loginUID: UInt32
    public var openedAt: Int64
    /// Boot clock, nanoseconds.
    public var openedBoot: Int64
    public var endsAt: Int64
    public var endsBoot: Int64
    public var endReason: String?
    public var endedBy: String?
    /// When the end began.
    public var endedAt: Int64?
    public var closedAt: Int64?
    /// How many things its last signed record names as left; nil before it is closed.
    public var leftCount: Int64?

    public init(
        id: String, state: SessionState, admission: Admission, leader: ProcessKey, auditSession: UInt32,
        loginUID: UInt32, openedAt: Int64, openedBoot: Int64, endsAt: Int64, endsBoot: Int64, endReason: String? = nil,
        endedBy: String? = nil, endedAt: Int64? = nil, closedAt: Int64? = nil, leftCount: Int64? = nil
    ) {
        self.id = id
        self.state = state
        self.admission = admission
        self.leader = leader
        self.auditSession = auditSession
        self.loginUID = loginUID
        self.openedAt = openedAt
        self.openedBoot = openedBoot
        self.endsAt = endsAt
        self.endsBoot = endsBoot
        self.endReason = endReason
        self.endedBy = endedBy
        self.endedAt = endedAt
        self.closedAt = closedAt
        self.leftCount = leftCount
    }
}

/// An administrator moved the end of a session.
public struct SessionExtension: Sendable, Equatable {
    /// Seconds since 1970.
    public var at: Int64
    /// Who: the caller's uid and pid in words.
    public var by: String
    public var reason: String
    /// By how much.
    public var seconds: Int64
    /// The end that it gave the session, seconds since 1970.
    public var endsAt: Int64

    public init(at: Int64, by: String, reason: String, seconds: Int64, endsAt: Int64) {
        self.at = at
        self.by = by
        self.reason = reason
        self.seconds = seconds
        self.endsAt = endsAt
    }
}

/// What stands behind a reference that an operator was shown.
public struct RefusalRecord: Sendable, Equatable {
    public var reference: String
    public var at: Int64
    public var code: String
    public var reason: String
    public var account: String
    public var service: String
    public var remoteHost: String?
    public var issuer: String?
    public var ticketID: String?
    public var subject: String?

    public init(
        reference: String, at: Int64, code: String, reason: String, account: String, service: String,
        remoteHost: String? = nil, issuer: String? = nil, ticketID: String? = nil, subject: String? = nil
    ) {
        self.reference = reference
        self.at = at
        self.code = code
        self.reason = reason
        self.account = account
        self.service = service
        self.remoteHost = remoteHost
        self.issuer = issuer
        self.ticketID = ticketID
        self.subject = subject
    }
}
