/// What verification found wrong, and where.
public struct EvidenceFault: Sendable, Equatable, CustomStringConvertible {
    public enum Kind: String, Sendable, CaseIterable {
        /// The bytes are no line of the log.
        case malformed
        /// The line is not the one that the line after it names.
        case changed
        /// Lines are missing.
        case removed
        /// The line was not written by the log.
        case inserted
        /// The line stands at another place than it was written at.
        case reordered
        /// A file holds other lines than its name says.
        case swappedFile = "swapped file"
        /// A checkpoint's signature is not that of the key that the checkpoint before it named.
        case forgedCheckpoint = "forged checkpoint"
        /// The host's key began the chain of keys anew.
        case keysRestarted = "keys restarted"
        /// No key that is known here vouches for the first checkpoint.
        case unknownKey = "unknown key"
        /// No checkpoint at all: anybody can write such lines, and chain them.
        case notSigned = "not signed"
        /// The log does not hold what an anchor says it held.
        case anchorMissed = "anchor missed"
        /// The last line has no end: a crash, or a hand.
        case cut
    }

    /// A line of a file.
    public struct Place: Sendable, Equatable {
        public var file: String
        /// From 1.
        public var line: Int

        public init(file: String, line: Int) {
            self.file = file
            self.line = line
        }
    }

    public var kind: Kind
    public var place: Place
    /// The number that the line has, or should have.
    public var sequence: Int64?
    public var detail: String

    public init(_ kind: Kind, _ place: Place, sequence: Int64?, _ detail: String) {
        self.kind = kind
        self.place = place
        self.sequence = sequence
        self.detail = detail
    }

    public var description: String {
        let number = sequence.map { ", sequence \($0)" } ?? ""
        return "\(place.file):\(place.line)\(number): \(kind.rawValue): \(detail)"
    }
}

/// A line of the log that was known elsewhere when it was its end: a checkpoint that was exported.
public struct EvidenceAnchor: Sendable, Equatable {
    public let sequence: Int64
    public let hash: LineHash
    /// Where it comes from, for messages.
    public let source: String

    public init(sequence: Int64, hash: LineHash, source: String) {
        self.sequence = sequence
        self.hash = hash
        self.source = source
    }

    /// The checkpoints of a text, one a line, as they stand in the log.
    public static func parse(_ text: [UInt8], source: String) throws(EvidenceLineError) -> [EvidenceAnchor] {
        var anchors: [EvidenceAnchor] = []
        for (number, bytes) in text.split(separator: UInt8(ascii: "\n")).enumerated() {
            let line: EvidenceLine
            do throws(EvidenceLineError) {
                line = try EvidenceLine(parsing: Array(bytes))
            } catch {
                throw EvidenceLineError("line \(number + 1): \(error.detail)")
            }
            guard SignedCheckpoint(line) != nil else {
                throw EvidenceLineError("line \(number + 1) is no checkpoint of an evidence log")
            }
            anchors.append(EvidenceAnchor(sequence: line.sequence, hash: line.hash, source: source))
        }
        guard !anchors.isEmpty else { throw EvidenceLineError("holds no checkpoint") }
        return anchors
    }
}

/// What verification can say.
public struct EvidenceVerdict: Sendable, Equatable {
    public internal(set) var host: String?
    public internal(set) var files = 0
    public internal(set) var lines: Int64 = 0
    public internal(set) var first: Int64?
    public internal(set) var last: Int64?
    public internal(set) var checkpoints = 0
    /// The last checkpoint before any fault: up to it, nothing was changed by anybody who did not hold the key of its
    /// time.
    public internal(set) var signedTo: Int64?
    /// The last anchor that the log agrees with: up to it the log is complete.
    public internal(set) var anchoredTo: Int64?
    /// The first faults, in the order of the log.
    public internal(set) var faults: [EvidenceFault] = []
    /// How many there are in all.
    public internal(set) var faultCount = 0

    /// Lines behind the last checkpoint: chained, not signed. What followed them, nobody can say.
    public var unsigned: Int64 { (last ?? 0) - (signedTo ?? ((first ?? 1) - 1)) }
    public var isSound: Bool { faultCount == 0 }
}
