internal import UsherEvidence

/// What a package takes from the log: the lines from the checkpoint before a session to the first one behind its last
/// line, and the checkpoints that lead from a key that the host's key vouches for to the first of them.
struct SessionSlice {
    /// Of the lines that a package may hold, bytes.
    static let longest = 256 << 20

    private let session: String
    private(set) var checkpoints: [[UInt8]] = []
    private(set) var lines: [[UInt8]] = []
    private(set) var records: [EvidenceRecord] = []
    /// The line that says who and why; nil when it is not there.
    private(set) var opened: EvidenceLine?
    private(set) var host: String?
    /// How many lines are needed: up to the checkpoint behind the session's last.
    private var needed = 0
    private var awaitsCheckpoint = false
    private var bytes = 0
    private var checkpointsSinceClosed: Int?
    private var provenBeyond = 0

    init(session: String) {
        self.session = session
    }

    /// Whether nothing that comes can be of interest: two checkpoints have followed the session's end.
    var isComplete: Bool { (checkpointsSinceClosed ?? 0) >= 2 }
    /// Whether a checkpoint follows the session's last line.
    var isSigned: Bool { !awaitsCheckpoint }

    mutating func take(_ piece: LineSplitter.Piece) throws {
        guard !isComplete, case .line(let text) = piece, let line = try? EvidenceLine(parsing: text) else { return }
        if let checkpoint = SignedCheckpoint(line) {
            take(checkpoint, text)
        } else {
            bytes += text.count
            lines.append(text)
        }
        guard bytes <= Self.longest else {
            throw Failure("the evidence of session \(session) is more than \(Self.longest >> 20) MiB")
        }
        guard line.session == session else { return }
        records.append(line.record)
        host = line.host
        if line.kind == "opened", opened == nil { opened = line }
        if line.kind == "closed" { checkpointsSinceClosed = 0 }
        needed = lines.count
        awaitsCheckpoint = true
    }

    private mutating func take(_ checkpoint: SignedCheckpoint, _ text: [UInt8]) {
        if records.isEmpty {
            // The slice begins with the last checkpoint before the session.
            lines = [text]
            bytes = text.count
            if checkpoint.isRoot { checkpoints = [] }
            checkpoints.append(text)
            return
        }
        lines.append(text)
        bytes += text.count
        checkpoints.append(text)
        if awaitsCheckpoint {
            awaitsCheckpoint = false
            needed = lines.count
            provenBeyond = checkpoints.count
        }
        if let count = checkpointsSinceClosed { checkpointsSinceClosed = count + 1 }
    }

    /// Leaves out what stands behind what is needed.
    mutating func trim() {
        lines.removeSubrange(needed...)
        if !awaitsCheckpoint { checkpoints.removeSubrange(provenBeyond...) }
    }
}
