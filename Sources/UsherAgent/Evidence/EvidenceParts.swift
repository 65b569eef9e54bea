internal import Logging
internal import UsherEvidence
internal import UsherPolicy
internal import UsherStore
internal import UsherSystem
internal import UsherWire

/// What becomes of the audit stream in a running agent: attribution, mapping, the log, and the rules of detection.
struct EvidenceParts: Sendable {
    let intake: EvidenceIntake
    let detection: DetectionDesk

    /// - Parameter written: the last lines of the log, from which re-delivered events are known.
    init(
        policy: CurrentPolicy, bootID: String, sessions: SessionManager, log: any EvidenceSink,
        written: [EvidenceRecord], logger: Logger
    ) {
        detection = DetectionDesk(rules: policy.now.detection, sessions: sessions, sink: log, logger: logger)
        intake = EvidenceIntake(
            knowledge: SessionDirectory(
                bootID: bootID, registry: sessions.registry, store: sessions.store, cgroups: sessions.cgroups,
                logger: logger),
            mapper: { EvidenceMapper(bootID: bootID, mask: policy.now.mask) }, sink: log, watch: detection,
            actions: EvidenceIntake.Actions(
                endsOnGap: { policy.now.roles[$0.ticket.role]?.onGap == .end },
                end: { id, cause in await sessions.end(id: id, cause) }),
            written: written.compactMap { Self.event(of: $0, bootID: bootID) }, logger: logger)
    }

    /// The event that a record of this boot was made from; nil for the agent's own.
    private static func event(of record: EvidenceRecord, bootID: String) -> (AuditEvent.Stamp, type: String)? {
        func text(_ name: StaticString) -> String? {
            guard case .string(let bytes)? = record.details[name] else { return nil }
            return String(decoding: bytes, as: UTF8.self)
        }
        // A finding names the event that it was made with, and is no line of it.
        guard record.kind != EvidenceMapper.Kind.detection.rawValue, text("boot") == bootID else { return nil }
        guard let event = text("event"), let stamp = AuditEvent.Stamp(event) else { return nil }
        return (stamp, type: text("record") ?? "SYSCALL")
    }
}
