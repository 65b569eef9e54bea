internal import UsherEvidence
internal import UsherStore
internal import UsherWire

extension EvidenceMapper {
    /// The records of a gap: one for the host, and one for each session that it touches, so that a session's own
    /// timeline shows it.
    func records(_ gap: EvidenceGap, touched: [KnownSession]) -> [EvidenceRecord] {
        [record(gap, nil, touched)] + touched.map { record(gap, $0, []) }
    }

    private func record(_ gap: EvidenceGap, _ session: KnownSession?, _ touched: [KnownSession]) -> EvidenceRecord {
        var details = JSONObject([
            "from": .number(gap.from), "to": .number(gap.to), "cause": .text(gap.cause.rawValue),
            "lost": .number(gap.lost.map { Int64($0) }), "detail": gap.detail.isEmpty ? nil : .text(gap.detail),
            "boot": .text(bootID), "subject": .text(session?.ticket.subject), "role": .text(session?.ticket.role),
            "approval": .text(session?.ticket.approval), "change": .text(session?.ticket.change),
            "account": .text(session?.account),
        ])
        if !touched.isEmpty { details.append("sessions", .array(touched.prefix(1000).map { .text($0.id) })) }
        let count = gap.lost.map { "\($0) records" } ?? "an unknown number of records"
        let length = max(0, gap.to - gap.from)
        let attributes = JSONObject([
            "start_time": .number(gap.from), "end_time": .number(gap.to), "duration": .number(length),
            "status_id": .integer(2),
        ])
        return EvidenceRecord(
            milliseconds: gap.to, category: .base, activity: 99, severity: .high,
            message: "evidence may be missing: \(gap.cause.rawValue), \(count) in \(length) ms"
                + (gap.detail.isEmpty ? "" : ": \(gap.detail)"),
            session: session?.id, attribution: .agent, kind: Kind.gap.rawValue, attributes: attributes,
            details: details)
    }
}
