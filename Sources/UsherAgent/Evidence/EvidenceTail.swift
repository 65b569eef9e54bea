internal import UsherEvidence
internal import UsherSystem

/// The end of a file of the log, as the writer finds it at its start.
struct EvidenceTail {
    /// How much of the end is looked at; at least some lines.
    private static let window: Int64 = 1 << 20

    /// The last lines, oldest first; what is no line of the log has no number.
    private(set) var lines: [(bytes: [UInt8], line: EvidenceLine?)] = []
    /// Bytes up to and with the last line feed.
    private(set) var whole: Int64 = 0
    /// What stands behind the last line feed.
    private(set) var cut: [UInt8] = []

    /// - Parameter limit: at most so many of the last lines are read.
    init(of file: AppendFile, limit: Int = 2000) throws(SystemError) {
        let size = try file.size()
        let start = max(0, size - Self.window)
        var bytes = try file.read(at: start, count: Int(size - start))
        let end = bytes.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        cut = Array(bytes[end...])
        whole = start + Int64(end)
        bytes.removeSubrange(end...)
        var pieces = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if !pieces.isEmpty { pieces.removeLast() }
        // The first may have begun before the window.
        if start > 0, !pieces.isEmpty { pieces.removeFirst() }
        lines = pieces.suffix(limit).map { piece in (Array(piece), try? EvidenceLine(parsing: Array(piece))) }
    }

    /// The number and hash of the last line; nil where no line of the log stands here. Behind lines that are none, the
    /// number counts on from the last that is one.
    var last: (sequence: Int64, hash: LineHash)? {
        guard let end = lines.last, let index = lines.lastIndex(where: { $0.line != nil }),
            let known = lines[index].line
        else { return nil }
        return (known.sequence + Int64(lines.count - 1 - index), LineHash(of: end.bytes))
    }

    /// The last checkpoint behind this line.
    func checkpoint(after sequence: Int64) -> (checkpoint: SignedCheckpoint, hash: LineHash)? {
        for (_, line) in lines.reversed() {
            guard let line, line.sequence > sequence else { continue }
            if let checkpoint = SignedCheckpoint(line) { return (checkpoint, line.hash) }
        }
        return nil
    }
}
