/// Why a session ends, and who asked. Both stand in the row, in the audit record and in `usher session show`.
struct EndCause: Sendable, Equatable {
    /// The closed list.
    enum Kind: String, Sendable, CaseIterable {
        /// The leader closed its PAM session.
        case closed
        /// The leader is gone without that: sshd's monitor was killed, or the program crashed.
        case leaderDied = "leader died"
        case tagNotWritten = "audit tag not written"
        case notEntered = "not entered in time"
        case deadline
        case idle
        /// `usher session end`.
        case operatorAsked = "operator"
        /// `usher revoke` or a revocation list.
        case revoked
        /// A rule of the detection engine.
        case detected
        case hostShutdown = "host shutdown"
        case hostRestarted = "host restarted"
        case agentRestartedWhileOpening = "agent restarted while opening"
    }

    var kind: Kind
    /// An administrator's reason, what was revoked, or the rule that fired.
    var detail: String?
    /// `leader`, `agent`, `host`, a revocation list, or `uid 0 (pid 123)` of whoever asked.
    var by: String

    /// As the row, the audit record and the command line show it: the word of the list, and the detail behind `: `.
    var reason: String { detail.map { "\(kind.rawValue): \($0)" } ?? kind.rawValue }

    init(_ kind: Kind, detail: String? = nil, by: String = "agent") {
        self.kind = kind
        self.detail = detail
        self.by = by
    }

    /// What a row says.
    init(reason: String, by: String) {
        let word = reason.firstRange(of: ": ").map { String(reason[..<$0.lowerBound]) } ?? reason
        if let kind = Kind(rawValue: word) {
            let detail = reason.dropFirst(word.count + 2)
            self.init(kind, detail: detail.isEmpty ? nil : String(detail), by: by)
        } else {
            // A row of the first version: an administrator's reason stood alone.
            self.init(.operatorAsked, detail: reason, by: by)
        }
    }

    static let closed = EndCause(.closed, by: "leader")
    static let leaderDied = EndCause(.leaderDied)
    static let tagNotWritten = EndCause(.tagNotWritten)
    static let notEntered = EndCause(.notEntered)
    static let deadline = EndCause(.deadline)
    /// While no agent ran, or it hung.
    static let deadlineByWatchdog = EndCause(.deadline, by: "watchdog")
    static let idle = EndCause(.idle)
    static let hostShutdown = EndCause(.hostShutdown, by: "host")
    static let hostRestarted = EndCause(.hostRestarted, by: "host")
    static let agentRestartedWhileOpening = EndCause(.agentRestartedWhileOpening)

    /// `usher session end`.
    static func administrator(reason: String, uid: UInt32, pid: Int32) -> EndCause {
        EndCause(.operatorAsked, detail: reason, by: caller(uid: uid, pid: pid))
    }

    /// - Parameters:
    ///   - what: what was revoked and why.
    ///   - by: `caller(uid:pid:)`, or the list.
    static func revoked(_ what: String, by: String) -> EndCause {
        EndCause(.revoked, detail: what, by: by)
    }

    /// - Parameter rule: the rule that fired, and on what.
    static func detected(_ rule: String, by: String = "agent") -> EndCause {
        EndCause(.detected, detail: rule, by: by)
    }

    static func caller(uid: UInt32, pid: Int32) -> String { "uid \(uid) (pid \(pid))" }
}
