internal import UsherEvidence
internal import UsherSystem

/// How far an export is: in memory, and in the cursor's file.
final class ExportState {
    private(set) var window: ResendWindow
    private var tail: EvidenceTail?
    private let plan: Exporter.Plan
    private let destination: String
    private let uncertainBytes: Int
    private var isLoaded = false
    private var saved: ExportCursor?
    private var savedAt: Int64 = 0

    init(_ plan: Exporter.Plan, target: any ExportTarget) {
        self.plan = plan
        destination = target.destination
        uncertainBytes = target.uncertainBytes
        let start = plan.from.map { LogPosition(sequence: $0 - 1, hash: $0 == 1 ? LineHash.none : nil) } ?? .start
        window = ResendWindow(limit: uncertainBytes, reached: start, resend: start)
    }

    /// Takes over where an earlier run ended; once.
    func load() throws(ExportError) {
        guard !isLoaded else { return }
        if plan.from == nil, let path = plan.cursor,
            let cursor = try ExportCursor.load(path, destination: destination)
        {
            window = ResendWindow(limit: uncertainBytes, reached: cursor.reached, resend: cursor.resend)
            saved = cursor
        }
        isLoaded = true
    }

    /// Reads from where a new connection begins. Lines that are sent again only to be sure may be gone by now.
    func rewind() throws(ExportError) {
        var start = window.start
        let oldest: Int64?
        do throws(SystemError) {
            oldest = try EvidenceFolder(plan.directory).oldest()
        } catch {
            throw ExportError(.log, error.description)
        }
        if let oldest, oldest > start.sequence + 1, start != window.reached {
            let last = min(oldest - 1, window.reached.sequence)
            start = last == window.reached.sequence ? window.reached : LogPosition(sequence: last, hash: nil)
        }
        tail = EvidenceTail(directory: plan.directory, after: start)
    }

    /// Lines that there are, up to so many bytes. What is wrong with the log is told when the lines before it are out.
    func batch(_ limit: Int) throws(ExportError) -> [ExportLine] {
        let tail = tail ?? EvidenceTail(directory: plan.directory, after: window.reached)
        self.tail = tail
        var lines: [ExportLine] = []
        var bytes = 0
        while bytes < limit {
            do throws(ExportError) {
                guard let line = try tail.next() else { break }
                lines.append(line)
                bytes += line.bytes.count
            } catch {
                guard !lines.isEmpty else { throw error }
                break
            }
        }
        return lines
    }

    /// Reads anew behind the last line that was delivered.
    func lookAgain() {
        tail = nil
    }

    /// Leaves out what is missing.
    func goOn(at position: LogPosition) {
        tail?.goOn(at: position)
        window = ResendWindow(limit: uncertainBytes, reached: position, resend: position)
    }

    func delivered(_ lines: [ExportLine]) {
        guard let last = lines.last else { return }
        window.advance(to: last.end, bytes: lines.reduce(0) { $0 + $1.bytes.count })
        if uncertainBytes == 0 { window.confirm() }
    }

    func confirm() {
        window.confirm()
    }

    func isSaveDue(after milliseconds: Int) -> Bool {
        SystemClock.monotonicNanoseconds() - savedAt >= Int64(milliseconds) * 1_000_000
    }

    /// Writes the cursor, if there is to be one and it says something new.
    func save() throws(ExportError) {
        guard let path = plan.cursor, isLoaded else { return }
        let cursor = ExportCursor(destination: destination, reached: window.reached, resend: window.start)
        guard cursor != saved else { return }
        try cursor.save(path)
        saved = cursor
        savedAt = SystemClock.monotonicNanoseconds()
    }
}
