internal import Logging
internal import UsherEvidence

/// Takes what the audit plugin delivers: each event is attributed, mapped, masked, written, and then looked at by the
/// rules of detection. One batch after the other, so that the log has the stream's order.
actor EvidenceIntake: AuditIntake {
    /// What a gap or a rule does to a session.
    struct Actions: Sendable {
        /// Whether the role of a session says that a gap ends it.
        var endsOnGap: @Sendable (KnownSession) -> Bool
        var end: @Sendable (String, EndCause) async -> Void
    }

    private let knowledge: any SessionKnowledge
    private let mapper: @Sendable () -> EvidenceMapper
    private let sink: any EvidenceSink
    private let watch: any EvidenceWatch
    private let actions: Actions
    private let logger: Logger
    private var recent = RecentEvents()
    private var last: Task<Void, any Error>?

    /// - Parameters:
    ///   - mapper: as the configuration in force has it.
    ///   - watch: sees every record after it was written.
    ///   - written: stamps of the events that the log's end holds, with the type of each.
    init(
        knowledge: any SessionKnowledge, mapper: @escaping @Sendable () -> EvidenceMapper, sink: any EvidenceSink,
        watch: any EvidenceWatch, actions: Actions, written: [(AuditEvent.Stamp, type: String)] = [], logger: Logger
    ) {
        self.knowledge = knowledge
        self.mapper = mapper
        self.sink = sink
        self.watch = watch
        self.actions = actions
        self.logger = logger
        for (stamp, type) in written { _ = recent.insert(stamp, type: type) }
    }

    func take(_ batch: AuditBatch) async throws {
        let before = last
        let task = Task {
            _ = await before?.result
            try await self.write(batch)
        }
        last = task
        try await task.value
    }

    private func write(_ batch: AuditBatch) async throws {
        var seen = recent
        let fresh = batch.events.filter { seen.insert($0.stamp, type: $0.type) }
        await knowledge.settle(fresh)
        let mapper = mapper()
        var records: [EvidenceRecord] = []
        records.reserveCapacity(fresh.count)
        for event in fresh {
            let attribution = Attribution.of(event, knowledge)
            if event.type == "LOGIN", event.number("old-ses") != nil, case .session(let session, _, _) = attribution,
                let ses = event.process?.ses
            {
                knowledge.note(ses: ses, of: session)
            }
            if let record = mapper.record(event, attribution) { records.append(record) }
        }
        let gaps = batch.gaps.map { ($0, knowledge.sessions(from: $0.from, to: $0.to)) }
        for (gap, touched) in gaps { records += mapper.records(gap, touched: touched) }
        if !records.isEmpty { try await sink.append(records) }
        recent = seen
        watch.look(records)
        for (gap, touched) in gaps {
            logger.error(
                "evidence may be missing",
                metadata: [
                    "cause": "\(gap.cause.rawValue)", "lost": "\(gap.lost.map { "\($0)" } ?? "unknown")",
                    "sessions": "\(touched.count)", "detail": "\(gap.detail)",
                ])
            for session in touched where session.closedAt == nil && actions.endsOnGap(session) {
                await actions.end(session.id, .detected("evidence gap, \(gap.cause.rawValue)"))
            }
        }
    }
}

/// Sees records of evidence once they are on the disk.
protocol EvidenceWatch: Sendable {
    func look(_ records: [EvidenceRecord])
}
