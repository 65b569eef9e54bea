internal import Logging
internal import UsherEvidence
internal import UsherStore
internal import UsherSystem

/// Ends a session whole, in the steps of `TeardownStep.Name`. Every step can be done again, is retried with back-off
/// until it succeeds, and says so loudly when it does not.
struct Teardown: Sendable {
    let store: Store
    let accounts: Accounts
    let audit: Audit
    let cgroups: SessionCgroups
    let sweeper: Sweeper
    /// Every step may block, and does so on its own thread.
    let executor: ThreadPoolTaskExecutor
    let receipts: Receipts
    let quarantine: Quarantine
    let evidence: any EvidenceSink
    let logger: Logger

    /// Returns when nothing of the session is left and its row says so.
    ///
    /// - Parameters:
    ///   - rowSaysSo: whether the row is known to say `closing` with this cause.
    ///   - killed: processes that were killed before.
    func run(_ session: Session, cause: EndCause, rowSaysSo: Bool, killed: [Finding]) async {
        var logger = logger
        logger[metadataKey: "session"] = "\(session.id)"
        // Beside the killing: a disk that takes no row lets nothing run on, and a process that does not die keeps no
        // cause from the row.
        async let marking: Void = markClosing(session, cause, unless: rowSaysSo, logger)
        var record = TeardownRecord(session: session.id, store: store, wasInterrupted: !rowSaysSo, logger: logger)
        await endProcesses(of: session, cause, killed: killed, &record)
        await marking
        record.save()
        await removeBelongings(of: session, cause, &record)
        let report = TeardownReport(session: session, cause: cause, steps: record.steps)
        await TeardownRecord.untilDone("row closed", logger) { _ in try await close(report) }
        logger.info(
            "session closed",
            metadata: ["account": "\(session.admission.account)", "reason": "\(cause.reason)", "by": "\(cause.by)"])
    }

    /// The disk refused it when the end began, or the row is of an earlier run.
    private func markClosing(
        _ session: Session, _ cause: EndCause, unless rowSaysSo: Bool, _ logger: Logger
    ) async {
        guard !rowSaysSo else { return }
        await TeardownRecord.untilDone("row closing", logger) { _ in try await markClosing(session, cause) }
    }

    private func markClosing(_ session: Session, _ cause: EndCause) async throws {
        guard let row = try store.session(id: session.id), row.state == .opening || row.state == .open else { return }
        try await store.beginClosing(
            id: session.id, reason: cause.reason, by: cause.by,
            at: session.endedAt ?? SystemClock.realtimeSeconds())
    }
}
