internal import UsherEvidence
internal import UsherStore
internal import UsherSystem

/// What a finished teardown has to tell: nothing of the session is left but what the steps name.
struct TeardownReport: Sendable {
    let session: Session
    let cause: EndCause
    /// All steps, in their order.
    let steps: [TeardownStep]
}

extension Teardown {
    /// The last act: the row becomes `closed`, and the signed receipt stands with it. Tried again until the disk takes
    /// it.
    func close(_ report: TeardownReport) async throws {
        let receipt = try receipts.receipt(for: report, at: SystemClock.realtimeSeconds())
        try await store.close(receipt)
        let admission = report.session.admission
        if admission.kind == .ephemeral {
            quarantine.awaitScan(of: admission.uid)
            evidence.note(.accountRemoved(report.session))
        }
        evidence.note(.closed(report.session, receipt: LineHash(of: receipt.text.utf8), left: receipt.leftCount))
    }
}
