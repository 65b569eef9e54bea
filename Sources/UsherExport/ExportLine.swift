internal import UsherEvidence
internal import UsherWire

/// A line of the evidence log, byte for byte, and what an export needs to know of it.
struct ExportLine: Sendable {
    private let line: EvidenceLine
    /// Of the line, which is asked for it more than once.
    let hash: LineHash

    /// Throws when the bytes are not a line of the log.
    init(parsing bytes: [UInt8]) throws(EvidenceLineError) {
        line = try EvidenceLine(parsing: bytes)
        hash = line.hash
    }

    /// Without the line feed.
    var bytes: [UInt8] { line.bytes }
    var sequence: Int64 { line.sequence }
    /// What it says of the line before.
    var previous: LineHash { line.previous }
    var record: EvidenceRecord { line.record }
    /// The place before it, when the line before is not known.
    var beginning: LogPosition { LogPosition(sequence: sequence - 1, hash: nil) }
    /// The place right behind it.
    var end: LogPosition { LogPosition(sequence: sequence, hash: hash) }

    /// The id of the host, which the line has beside the record.
    var host: String { line.host }

    /// A text among the details under our key: `subject`, `ticket` …
    func detail(_ name: StaticString) -> [UInt8]? {
        guard case .string(let text)? = line.record.details[name] else { return nil }
        return text
    }
}
