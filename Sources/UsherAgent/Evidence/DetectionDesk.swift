internal import Logging
internal import Synchronization
internal import UsherEvidence
internal import UsherPolicy
internal import UsherStore
internal import UsherSystem
internal import UsherWire

/// Looks at every record of evidence with the host's rules, and does what they say.
final class DetectionDesk: EvidenceWatch {
    private let engine: Mutex<DetectionEngine>
    private let sessions: SessionManager
    private let sink: any EvidenceSink
    private let logger: Logger

    init(rules: [DetectionRule], sessions: SessionManager, sink: any EvidenceSink, logger: Logger) {
        engine = Mutex(DetectionEngine(rules))
        self.sessions = sessions
        self.sink = sink
        self.logger = logger
    }

    /// Rules in force from now on; what the former ones had counted is forgotten.
    func replace(rules: [DetectionRule]) {
        engine.withLock { engine in
            if engine.rules != rules { engine = DetectionEngine(rules) }
        }
    }

    func look(_ records: [EvidenceRecord]) {
        for record in records {
            let event = DetectionEvent(
                milliseconds: record.milliseconds, session: record.session, kind: record.kind,
                activity: record.activity, attributes: record.attributes, details: record.details)
            for finding in engine.withLock({ $0.look(event) }) { act(finding, on: record) }
        }
    }

    /// What a caller inside a session asked of the agent and did not get.
    func controlRefused(session: Session, method: String, reason: String, peer: Peer) {
        let known = KnownSession(session)
        let record = EvidenceRecord(
            milliseconds: SystemClock.realtimeNanoseconds() / 1_000_000, category: .authorizeSession, activity: 99,
            severity: .medium, message: "\(known.account) asked the agent for \(method): refused, \(reason)",
            session: session.id, attribution: .agent, kind: EvidenceMapper.Kind.control.rawValue,
            attributes: JSONObject([
                "actor": .object(
                    JSONObject([
                        "process": .object(JSONObject(["pid": .number(peer.process.pid)])),
                        "session": .object(JSONObject(["uid": .text(session.id)])),
                        "user": .object(JSONObject(["uid": .text("\(peer.uid)")])),
                    ])), "status_id": .integer(2),
            ]),
            details: JSONObject([
                "method": .text(method), "reason": .text(reason), "account": .text(known.account),
                "subject": .text(known.ticket.subject), "role": .text(known.ticket.role),
                "approval": .text(known.ticket.approval), "change": .text(known.ticket.change),
            ]))
        sink.note(record)
        look([record])
    }

    private func act(_ finding: DetectionFinding, on record: EvidenceRecord) {
        let rule = finding.rule
        let seen = finding.count > 1 ? "\(finding.count) times, last: \(record.message)" : record.message
        let live = sessions.registry.session(id: finding.session).flatMap { $0.isClosing ? nil : $0 }
        if rule.actions.contains(.end), let live {
            // The row is told nothing that could carry a secret or a terminal's escape: the record above has it all.
            Task { await sessions.end(id: live.id, .detected("\(rule.name), \(rule.summary)")) }
        }
        if rule.actions.contains(.warn), let live {
            sessions.show(SessionTexts.detectionNotice(live.session, rule), to: live.session)
        }
        if rule.actions.contains(.alert) || rule.actions.contains(.end) {
            logger.log(
                level: rule.severity == .critical || rule.severity == .high ? .error : .warning, "detection",
                metadata: [
                    "rule": "\(rule.name)", "session": "\(finding.session)", "summary": "\(rule.summary)",
                    "seen": "\(seen)",
                ])
        }
        let entry = Self.record(finding, on: record, seen: seen, ends: rule.actions.contains(.end) && live != nil)
        let (sink, logger) = (sink, logger)
        Task {
            do {
                try await sink.append([entry])
            } catch {
                logger.error("finding not written", metadata: ["rule": "\(rule.name)", "reason": "\(error)"])
            }
        }
    }

    /// A Detection Finding, activity Create.
    static func record(
        _ finding: DetectionFinding, on record: EvidenceRecord, seen: String, ends: Bool
    ) -> EvidenceRecord {
        let rule = finding.rule
        var details = JSONObject([
            "rule": .text(rule.name), "summary": .text(rule.summary), "count": .number(finding.count),
            "actions": .array(rule.actions.map(\.rawValue).sorted().map { .text($0) }), "ends": .boolean(ends),
            "cause": .text(record.kind), "message": .text(record.message),
        ])
        for name in ["event", "boot", "subject", "actor", "owner", "role", "approval", "change", "ticket", "account"] {
            if let value = record.details.members.first(where: { $0.name == Array(name.utf8) })?.value {
                details.append(name, value)
            }
        }
        return EvidenceRecord(
            milliseconds: finding.milliseconds, category: .detectionFinding, activity: 1,
            severity: severity(rule.severity), message: "\(rule.name): \(rule.summary): \(seen)",
            session: finding.session, attribution: .agent, kind: EvidenceMapper.Kind.detection.rawValue,
            attributes: JSONObject([
                "finding_info": .object(
                    JSONObject([
                        "title": .text(rule.summary), "uid": .text(rule.name),
                        "analytic": .object(JSONObject(["name": .text(rule.name), "type_id": .integer(1)])),
                    ])), "status_id": .integer(1),
            ]), details: details)
    }

    private static func severity(_ severity: DetectionRule.Severity) -> EvidenceRecord.Severity {
        switch severity {
        case .informational: .informational
        case .low: .low
        case .medium: .medium
        case .high: .high
        case .critical: .critical
        }
    }
}
