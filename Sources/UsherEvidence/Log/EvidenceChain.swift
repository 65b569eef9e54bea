public import UsherTicket
internal import UsherWire

/// The end of the log, to which lines are added: each has the next number and names the hash of the line before.
public struct EvidenceChain: Sendable, Equatable {
    /// The id of the host, in each line.
    public let host: String
    /// Of the last line; 0 before the first.
    public private(set) var sequence: Int64
    /// Of the last line.
    public private(set) var hash: LineHash

    /// - Parameters:
    ///   - sequence: the number of the last line that stands; 0 for a new log.
    ///   - hash: that line's hash.
    public init(host: String, sequence: Int64 = 0, hash: LineHash = .none) {
        self.host = host
        self.sequence = sequence
        self.hash = hash
    }

    /// The next line, without its line feed. One that would be longer than a line may be keeps who, when and what, says
    /// how long it was (`cut`), and loses the rest.
    public mutating func append(_ record: EvidenceRecord) -> [UInt8] {
        let line = encoded(record)
        take(line)
        return line
    }

    /// A checkpoint as the next line: a signature over the line itself, and so over everything before it.
    ///
    /// - Parameters:
    ///   - checkpoint: its number and the key that signs the one after it.
    ///   - key: the key that the checkpoint before named; the host's for the first.
    ///   - hostKey: endorses the signing key at the beginning of a file, so that a log whose older files are gone can
    ///     be verified.
    public mutating func append(
        _ checkpoint: Checkpoint, milliseconds: Int64, key: PrivateKey, endorsedBy hostKey: PrivateKey? = nil
    ) throws(KeyError) -> [UInt8] {
        let record = checkpoint.record(milliseconds: milliseconds, key: key.publicKey)
        // Both brackets stand again behind the signature.
        var line = Array(encoded(record).dropLast(2))
        if let hostKey {
            let endorsement = try hostKey.signature(over: Checkpoint.endorsementDomain + line)
            line += Checkpoint.endorsementText(hostKey.publicKey.keyID, endorsement)
        }
        let signature = try key.signature(over: Checkpoint.signatureDomain + line)
        line += Checkpoint.signatureText(signature)
        take(line)
        return line
    }

    /// The log goes on behind lines that are not there: what follows the last line known has this number.
    public mutating func skip(to sequence: Int64) {
        self.sequence = max(self.sequence, sequence)
    }

    private mutating func take(_ line: [UInt8]) {
        sequence += 1
        hash = LineHash(of: line)
    }

    private func encoded(_ record: EvidenceRecord) -> [UInt8] {
        let line = EvidenceEncoder.line(record, host: host, sequence: sequence + 1, previous: hash)
        guard line.count >= EvidenceLimits.lineBytes else { return line }
        // What is long goes first: a record's lists, then what its class says, then everything but that it was cut.
        let cut = JSONObject.Member(name: Array("cut".utf8), value: .integer(Int64(line.count)))
        var short = record
        short.details = JSONObject(members: record.details.members.filter(Self.isShort) + [cut])
        let withoutLists = EvidenceEncoder.line(short, host: host, sequence: sequence + 1, previous: hash)
        guard withoutLists.count >= EvidenceLimits.lineBytes else { return withoutLists }
        short.attributes = JSONObject()
        let withoutClass = EvidenceEncoder.line(short, host: host, sequence: sequence + 1, previous: hash)
        guard withoutClass.count >= EvidenceLimits.lineBytes else { return withoutClass }
        short.details = JSONObject(members: [cut])
        return EvidenceEncoder.line(short, host: host, sequence: sequence + 1, previous: hash)
    }

    private static func isShort(_ member: JSONObject.Member) -> Bool {
        switch member.value {
        case .string(let bytes): bytes.count <= 256
        case .integer, .boolean, .null: !member.name.elementsEqual("cut".utf8)
        case .array, .object: false
        }
    }
}
