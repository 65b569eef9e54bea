internal import UsherEvidence

/// What `AuditService` hands on.
protocol AuditIntake: Sendable {
    /// Returns when everything is durable in the evidence log; throws when it is not: the plugin then delivers again.
    func take(_ batch: AuditBatch) async throws
}

/// What the plugin delivers in one call, in the order of the stream.
struct AuditBatch: Sendable {
    var events: [AuditEvent]
    var gaps: [EvidenceGap]
}
