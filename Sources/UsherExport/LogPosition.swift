internal import UsherEvidence

/// A place in the evidence log: right behind a line.
struct LogPosition: Equatable, Sendable {
    /// Of the line before; 0 for the beginning of the log.
    var sequence: Int64
    /// Of that line; nil where it is not known, so that the next line's `previous` cannot be compared.
    var hash: LineHash?

    /// Before the first line that was ever written.
    static let start = LogPosition(sequence: 0, hash: LineHash.none)
}
