/// Why a session ends, and who asked. Both stand in the row and in the audit record.
struct EndCause: Sendable, Equatable {
    /// A word of the closed list, or the reason that an administrator gave.
    var reason: String
    /// `leader`, `agent`, or `uid 0 (pid 123)` of the administrator.
    var by: String

    static let closed = EndCause(reason: "closed", by: "leader")
    static let leaderDied = EndCause(reason: "leader died", by: "agent")
    static let tagNotWritten = EndCause(reason: "audit tag not written", by: "agent")
    static let notEntered = EndCause(reason: "not entered in time", by: "agent")
    static let deadline = EndCause(reason: "deadline", by: "agent")
    static let hostRestarted = EndCause(reason: "host restarted", by: "agent")
    static let agentRestartedWhileOpening = EndCause(reason: "agent restarted while opening", by: "agent")

    static func administrator(reason: String, uid: UInt32, pid: Int32) -> EndCause {
        EndCause(reason: reason, by: "uid \(uid) (pid \(pid))")
    }
}
