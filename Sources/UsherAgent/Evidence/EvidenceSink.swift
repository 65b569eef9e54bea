internal import UsherEvidence

/// Where records of evidence go: the evidence log, or a test's list.
protocol EvidenceSink: Sendable {
    /// Returns when the records are on the disk, in their order.
    func append(_ records: [EvidenceRecord]) async throws
    /// Queues a record without waiting.
    func note(_ record: EvidenceRecord)
}
