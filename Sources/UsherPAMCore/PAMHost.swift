#if !hasFeature(Embedded)
    public import UsherWire
#endif

/// What a phase answers to libpam.
public enum PAMResult: Equatable, Sendable {
    case success, permissionDenied, authenticationUnavailable, serviceError, conversationError
}

/// The items of a PAM transaction that the agent is told.
public enum PAMItem: Equatable, Sendable {
    case user, service, terminal, remoteHost, remoteUser
}

/// The step of an exchange with the agent that failed.
public enum AgentStage: Equatable, Sendable {
    case socket, connect, peer, request, send, receive, closed, replyTooLong, trailingBytes
}

/// What came of one exchange with the agent.
public enum AgentOutcome: Equatable, Sendable {
    /// One frame, without its NUL.
    case reply([UInt8])
    /// `error` is the errno value of a failed system call, else 0.
    case failed(AgentStage, error: Int32)
}

/// What came of writing the session's audit record.
public enum AuditOutcome: Equatable, Sendable {
    case written
    case failed(error: Int32)
    /// The kernel takes records and throws them away (`auditctl -e 0`).
    case disabled
}

/// What open_session left in the PAM handle. sshd's post-auth child inherits it by fork.
public struct StoredSession: Equatable, Sendable {
    /// Nil when the session was refused.
    public var id: [UInt8]?
    /// Whether this process is the one that opened the session.
    public var isOpenedHere: Bool

    public init(id: [UInt8]?, isOpenedHere: Bool) {
        self.id = id
        self.isOpenedHere = isOpenedHere
    }
}

/// The process that a phase runs in, as far as a phase may touch it: libpam, the agent's socket, audit, syslog.
/// Everything that happens outside of UsherPAMCore is one of these calls, so that a test can script them.
public protocol PAMHost {
    /// Where a call to the agent is written: a buffer of `Limits.agentCallBytes` that is wiped once it is sent.
    associatedtype Request: ByteSink

    /// Has libpam ask for the user name where the application did not give one (login). False when it cannot.
    func identifyUser() -> Bool
    /// An item's bytes; nil when it is not set.
    func item(_ item: PAMItem) -> [UInt8]?
    /// A variable of the PAM environment, which crosses sshd's fork between the phases; nil when it is not set.
    func variable(_ name: StaticString) -> [UInt8]?
    /// Sets a variable of the PAM environment, or removes it with nil. False when libpam refuses.
    func setVariable(_ name: StaticString, to value: [UInt8]?) -> Bool

    /// Asks once without echo and gives the answer to `use`; wipes it afterwards. Nil when the conversation failed.
    func withAnswer(to prompt: [UInt8], _ use: (Span<UInt8>) -> AgentOutcome) -> AgentOutcome?
    func showError(_ text: [UInt8])
    func showInformation(_ text: [UInt8])
    /// One line to authpriv; `error`, when not 0, is an errno value whose meaning is put behind it.
    func log(_ text: [UInt8], error: Int32)

    /// Keeps the session's id (nil: refused) and this process's pid in the PAM handle. False when libpam refuses.
    func store(session: [UInt8]?) -> Bool
    func storedSession() -> StoredSession?

    /// The instant, in the host's own monotonic nanoseconds, at which `seconds` from now are over.
    func deadline(after seconds: Int64) -> Int64
    /// Sends the call that `compose` writes to the agent at `path`, which must run as root, and reads its answer.
    func exchange(
        with path: [UInt8], before deadline: Int64, _ compose: (inout JSONWriter<Request>) -> Void
    ) -> AgentOutcome

    /// Writes the session's tag to the audit stream from this process, so that the kernel stamps its auid and ses.
    func audit(tag: [UInt8], remoteHost: [UInt8]?, terminal: [UInt8]?) -> AuditOutcome
}
