internal import UsherEvidence

/// One record as a row of a timeline or of what a search found.
enum EvidenceRow {
    static func time(_ record: EvidenceRecord, clock: Clock) -> Cell {
        let (seconds, milliseconds) = record.milliseconds.quotientAndRemainder(dividingBy: 1000)
        let fraction =
            "." + String(repeating: "0", count: 3 - String(milliseconds.magnitude).count)
            + String(milliseconds.magnitude)
        let moment = Moment(seconds)
        return Cell(friendly: moment.local(clock) + fraction, plain: moment.iso.dropLast() + fraction + "Z")
    }

    /// What is doubtful about whose it is stands with the words.
    static func what(_ record: EvidenceRecord) -> Cell {
        let doubt: String =
            switch record.attribution {
            case .kernel, .agent: ""
            case .inferred: " (inferred)"
            case .unknown: " (session not known)"
            }
        return Cell(record.message + doubt, tone: tone(record))
    }

    static func kind(_ record: EvidenceRecord) -> Cell { Cell(record.kind, tone: tone(record)) }

    private static func tone(_ record: EvidenceRecord) -> Tone {
        switch record.severity {
        case .critical, .high: .bad
        case .medium: .attention
        case .low, .informational: record.attribution == .agent ? .good : .plain
        }
    }
}
