internal import UsherEvidence
internal import UsherWire

/// What the log says of itself.
extension EvidenceRecord {
    /// Lines that the agent wrote are not there any more, or are other ones.
    static func logFault(_ now: Int64, _ what: String) -> EvidenceRecord {
        EvidenceRecord(
            milliseconds: now, category: .base, activity: 99, severity: .critical,
            message: "Evidence was changed: \(what)", attribution: .agent, kind: "gap",
            details: JSONObject(["cause": .text("evidence log changed"), "detail": .text(what)]))
    }

    /// A crash cut the line that was being written; its bytes are kept in a file.
    static func cutLine(_ now: Int64, file: String, bytes: Int?, hash: LineHash?) -> EvidenceRecord {
        EvidenceRecord(
            milliseconds: now, category: .base, activity: 99, severity: .medium,
            message: "A line of the evidence log was cut by a crash; what stood of it is in \(file)",
            attribution: .agent, kind: "gap",
            details: JSONObject([
                "cause": .text("line cut"), "file": .text(file), "bytes": bytes.map { .number($0) },
                "sha256": hash.map { .string($0.digits) },
            ]))
    }

    /// Records that nobody could write, as there were too many.
    static func notesLost(from: Int64, to now: Int64, count: Int) -> EvidenceRecord {
        EvidenceRecord(
            milliseconds: now, category: .base, activity: 99, severity: .high,
            message: "\(count) records of the agent's own acts could not be written", attribution: .agent, kind: "gap",
            details: JSONObject([
                "cause": .text("evidence not writable"), "from": .number(from), "to": .number(now),
                "lost": .number(count),
            ]))
    }

    /// Files were old enough to go.
    static func retention(_ now: Int64, through sequence: Int64, files: [String]) -> EvidenceRecord {
        EvidenceRecord(
            milliseconds: now, category: .base, activity: 99,
            message: "Evidence up to line \(sequence) was kept for as long as it had to be and is removed",
            attribution: .agent, kind: "retention",
            details: JSONObject([
                "through": .number(sequence), "files": .array(files.map { .text($0) }),
            ]))
    }
}
