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

    /// What became known of a session after its receipt was signed; nil when it has none, as an earlier version closed
    /// it.
    ///
    /// - Parameter remaining: how many of the account's files are left.
    func supplement(
        to records: [ReceiptRow], uid: UInt32, _ event: ReceiptSupplement.Event, _ findings: FindingList,
        remaining: Int, by: String, reason: String?, at now: Int64
    ) throws -> ReceiptRow? {
        guard let first = records.first, let last = records.last else { return nil }
        guard case .receipt(let receipt) = try SignedRecord(parsing: first.text.utf8).unverifiedContent else {
            throw StoreError.unavailable("the first record of session \(first.session) is no receipt")
        }
        // Files that the teardown had to leave are among those that a scan finds.
        let others = receipt.steps.filter { $0.name != .files && $0.name != .home }
        let left = others.reduce(remaining) { $0 + $1.left.total }
        let supplement = ReceiptSupplement(
            host: hostID, session: first.session, account: receipt.session.account, uid: uid,
            number: Int(last.number) + 1, previous: try SignedRecord(parsing: last.text.utf8).digest, at: now,
            event: event, by: by, reason: reason, findings: findings, leftCount: left)
        let record = try SignedRecord(.supplement(supplement), key: key)
        return ReceiptRow(
            session: first.session, number: last.number + 1, at: now, text: record.text, leftCount: Int64(left))
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
