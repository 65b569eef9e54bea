internal import UsherEvidence
internal import UsherSystem

/// The files of the evidence log: `evidence.jsonl`, which grows, and `evidence-N.jsonl`, where N is the first line's
/// number.
struct EvidenceFolder {
    private typealias Entry = (first: Int64, file: EvidenceFile)

    private let directory: String
    /// Root's, or the reader's own: a copy of a log is looked at without rights.
    private let rules = FileRules(owner: CurrentProcess.effectiveUserID)
    private var currentPath: String { directory + "/" + EvidenceFiles.current }

    init(_ directory: String) {
        self.directory = directory
    }

    /// The file that has the line, placed before it; nil when the line comes next and is not written yet.
    func open(for sequence: Int64) throws(ExportError) -> EvidenceFile? {
        // A rotation between two looks hides a file from both: look again before saying that lines are gone.
        var attempts = 3
        while true {
            do {
                return try search(for: sequence)
            } catch let failure as ExportError {
                attempts -= 1
                guard attempts > 0 else { throw failure }
                SystemClock.sleep(milliseconds: 20)
            } catch {
                throw ExportError(.log, "\(error)")
            }
        }
    }

    /// The number of the oldest line that is still there; nil without any.
    func oldest() throws(SystemError) -> Int64? {
        try files().first?.first
    }

    /// Whether the file still is the one that grows.
    func isCurrent(_ file: EvidenceFile) throws(SystemError) -> Bool {
        guard let status = try Files.status(currentPath) else { return false }
        return try file.isSame(as: status)
    }

    /// The number of the first file's first line that is higher; nil without any.
    func first(after sequence: Int64) throws(SystemError) -> Int64? {
        try files().first { $0.first > sequence }?.first
    }

    private func search(for sequence: Int64) throws -> EvidenceFile? {
        let files = try files()
        guard let oldest = files.first else {
            guard sequence > 1 else { return nil }
            throw ExportError(.evidence, "\(directory) holds no lines, but line \(sequence - 1) was there before")
        }
        guard let (_, file) = files.last(where: { $0.first <= sequence }) else {
            let missing = "line \(sequence) is gone from \(directory), whose oldest line is \(oldest.first)"
            throw ExportError(.evidence, missing, resume: LogPosition(sequence: oldest.first - 1, hash: nil))
        }
        let last = try file.seek(to: sequence)
        guard last < sequence else { return file }
        // Behind the end of this file, and the next one begins later or is not there.
        if let next = files.first(where: { $0.first > sequence }) {
            let end = next.first - 1
            let missing = last + 1 == end ? "line \(end) is" : "lines \(last + 1) to \(end) are"
            throw ExportError(
                .evidence, "\(missing) missing between \(file.path) and \(next.file.path)",
                resume: LogPosition(sequence: next.first - 1, hash: nil))
        }
        guard last == sequence - 1 else {
            let end = "\(file.path) ends the log with line \(last)"
            throw ExportError(
                .evidence, "\(end), before line \(sequence - 1), which was there before",
                resume: LogPosition(sequence: last, hash: nil))
        }
        return try isCurrent(file) ? file : nil
    }

    /// By their first lines, oldest first. The one that grows is left out while it holds no whole line.
    private func files() throws(SystemError) -> [Entry] {
        var found: [Entry] = []
        for name in try Files.list(directory) {
            guard let first = EvidenceFiles.first(of: name) else { continue }
            found.append((first, EvidenceFile(directory + "/" + name, rules: rules)))
        }
        if try Files.status(currentPath) != nil {
            let current = EvidenceFile(currentPath, rules: rules)
            if let first = try current.firstSequence() { found.append((first, current)) }
        }
        return found.sorted { $0.first < $1.first }
    }
}
