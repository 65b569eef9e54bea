internal import UsherEvidence
internal import UsherSystem

/// One file of the log, read line by line in bounded memory; opened when it is first looked into.
final class EvidenceFile {
    let path: String
    /// At the end there were bytes without a line feed: a line that is being written, or was cut off.
    private(set) var endsWithPart = false
    private let rules: FileRules
    private var file: GrowingFile?
    /// Of the first byte behind `buffer`.
    private var offset: Int64 = 0
    private var buffer: [UInt8] = []
    /// How much of `buffer` was given out.
    private var consumed = 0

    init(_ path: String, rules: FileRules) {
        self.path = path
        self.rules = rules
    }

    func isSame(as other: FileStatus) throws(SystemError) -> Bool {
        let status = try opened().status()
        return status.inode == other.inode && status.device == other.device
    }

    /// The next whole line without its line feed; nil at the end, where it may be asked again.
    func nextLine() throws(SystemError) -> [UInt8]? {
        let file = try opened()
        var searched = consumed
        while true {
            if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                defer { consumed = end + 1 }
                return Array(buffer[consumed..<end])
            }
            buffer.removeFirst(consumed)
            consumed = 0
            searched = buffer.count
            guard searched < EvidenceLimits.lineBytes else {
                throw SystemError("read \(path)", refused: "a line of more than \(EvidenceLimits.lineBytes) bytes")
            }
            let bytes = try file.read(at: offset, count: 65_536)
            guard !bytes.isEmpty else {
                endsWithPart = !buffer.isEmpty
                // Its writer cuts a torn end off when it starts again: what was no line yet is not kept.
                place(at: offset - Int64(buffer.count))
                return nil
            }
            offset += Int64(bytes.count)
            buffer += bytes
        }
    }

    /// Places itself before the first line that has this number or a higher one, or behind the last line.
    ///
    /// - Returns: that line's number; in a file that ends before it, the number of its last line.
    func seek(to sequence: Int64) throws(SystemError) -> Int64 {
        var low: Int64 = 0
        var high = try opened().status().size
        // Numbers grow: halve until what is left is read through in no time.
        while high - low > 131_072 {
            let middle = low + (high - low) / 2
            // From the byte before it on, so that a line that begins there is not taken for the rest of another.
            place(at: middle - 1)
            guard try nextLine() != nil, start < high, let number = try nextNumber() else {
                high = middle
                continue
            }
            if number <= sequence { low = lineStart } else { high = middle }
        }
        place(at: low)
        var last = sequence - 1
        var damage: Int64?
        while true {
            let at = start
            guard let bytes = try nextLine() else { break }
            guard let number = try? EvidenceLine(parsing: bytes).sequence else {
                damage = damage ?? at
                continue
            }
            guard number < sequence else {
                place(at: last == sequence - 1 ? damage ?? at : at)
                return number
            }
            last = number
            damage = nil
        }
        guard let damage, last == sequence - 1 else { return last }
        // What stands in the line's place is for its reader to judge.
        place(at: damage)
        return sequence
    }

    /// The next line that is one; nil without any.
    func nextReadable() throws(SystemError) -> ExportLine? {
        while let bytes = try nextLine() {
            if let line = try? ExportLine(parsing: bytes) { return line }
        }
        return nil
    }

    /// The number of the file's first line that is one; nil without any.
    func firstSequence() throws(SystemError) -> Int64? {
        place(at: 0)
        defer { place(at: 0) }
        return try nextNumber()
    }

    /// Where the next line begins.
    private var start: Int64 { offset - Int64(buffer.count - consumed) }
    /// Where the line that `nextNumber` read begins.
    private var lineStart: Int64 = 0

    /// The number of the next line that is one.
    private func nextNumber() throws(SystemError) -> Int64? {
        while true {
            lineStart = start
            guard let bytes = try nextLine() else { return nil }
            if let number = try? EvidenceLine(parsing: bytes).sequence { return number }
        }
    }

    private func place(at offset: Int64) {
        self.offset = offset
        buffer.removeAll(keepingCapacity: true)
        consumed = 0
    }

    private func opened() throws(SystemError) -> GrowingFile {
        if let file { return file }
        let opened = try GrowingFile(path, rules: rules)
        file = opened
        return opened
    }
}
