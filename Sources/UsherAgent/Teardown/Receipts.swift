internal import UsherEvidence
internal import UsherStore
internal import UsherTicket

/// Signs what became of sessions with the host's key.
struct Receipts: Sendable {
    let hostID: String
    let key: PrivateKey

    /// The receipt of a session that is about to be closed at this second.
    func receipt(for report: TeardownReport, at now: Int64) throws -> ReceiptRow {
        let session = report.session
        let receipt = Receipt(
            host: hostID, session: Receipt.Session(session), openedAt: session.openedAt, endedAt: session.endedAt,
            closedAt: now, reason: report.cause.reason, by: report.cause.by, steps: report.steps)
        let record = try SignedRecord(.receipt(receipt), key: key)
        return ReceiptRow(
            session: session.id, number: 0, at: now, text: record.text, leftCount: Int64(receipt.leftCount))
    }
}

extension Receipt.Session {
    init(_ session: Session) {
        let admission = session.admission
        let ticket = admission.ticket
        self.init(
            id: session.id, account: admission.account, kind: admission.kind.rawValue, uid: admission.uid,
            subject: ticket.subject, actor: ticket.actor, owner: ticket.owner, role: ticket.role,
            issuer: ticket.issuer, key: ticket.keyID, ticket: ticket.ticketID, approval: ticket.approval,
            change: ticket.change, service: admission.service, remoteHost: admission.remoteHost,
            auditSession: session.auditSession, bootID: admission.bootID)
    }
}
