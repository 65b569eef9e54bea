internal import UsherStore

/// What attribution knows of a session, live or closed.
struct KnownSession: Sendable, Equatable {
    var id: String
    var bootID: String
    /// The kernel's `ses`.
    var auditSession: UInt32
    var account: String
    var kind: AccountKind
    var uid: UInt32
    /// sshd's monitor, login.
    var leader: Int32
    var ticket: TicketFacts
    /// Milliseconds since 1970-01-01 UTC.
    var openedAt: Int64
    /// Milliseconds since 1970-01-01 UTC; nil while it is not closed.
    var closedAt: Int64?

    init(_ session: Session) {
        id = session.id
        bootID = session.admission.bootID
        auditSession = session.auditSession
        account = session.admission.account
        kind = session.admission.kind
        uid = session.admission.uid
        leader = session.leader.pid
        ticket = session.admission.ticket
        openedAt = session.openedAt * 1000
        closedAt = session.closedAt.map { $0 * 1000 }
    }
}
