public import UsherTicket
internal import UsherWire

/// What a checkpoint says besides its line's number and hash. Its signature is over the line itself, which names the
/// hash of the line before: nothing before it can change without the signature breaking.
///
/// Keys move forward: each checkpoint names the key that signs the one after it, and the key that signed is destroyed.
/// Who takes the host at a later time has no key for what was signed before.
public struct Checkpoint: Sendable, Equatable {
    /// From 1; one more than that of the checkpoint before.
    public var number: Int64
    /// Signs the next checkpoint.
    public var next: PublicKey
    /// Why the host's own key signs a checkpoint that is not the first: the moving key was lost. nil otherwise.
    public var restart: String?

    public init(number: Int64, next: PublicKey, restart: String? = nil) {
        self.number = number
        self.next = next
        self.restart = restart
    }

    static let kind = "checkpoint"
    /// No signature of a checkpoint is one of anything else (RFC 8725 section 3.11 has the reason).
    static let signatureDomain = Array("usher-evidence-checkpoint-1\n".utf8)
    static let endorsementDomain = Array("usher-evidence-endorsement-1\n".utf8)

    static func signatureText(_ signature: [UInt8]) -> [UInt8] {
        Array(#","signature":"\#(Base64URL.encode(signature))"}}"#.utf8)
    }

    static func endorsementText(_ keyID: String, _ signature: [UInt8]) -> [UInt8] {
        Array(#","endorsed_by":"\#(keyID)","endorsement":"\#(Base64URL.encode(signature))""#.utf8)
    }

    func record(milliseconds: Int64, key: PublicKey) -> EvidenceRecord {
        var details: [(StaticString, JSONValue)] = [
            ("number", .integer(number)), ("key", .string(Array(key.keyID.utf8))),
            ("next", .string(Array(Base64URL.encode(next.rawBytes).utf8))),
        ]
        if let restart { details.append(("restart", .string(Array(restart.utf8)))) }
        return EvidenceRecord(
            milliseconds: milliseconds, category: .base, activity: 0,
            severity: restart == nil ? .informational : .high, message: "Checkpoint \(number) of the evidence log",
            attribution: .agent, kind: Self.kind,
            details: JSONObject(
                members: details.map { JSONObject.Member(name: [UInt8]($0.0), value: $0.1) }))
    }
}

/// A checkpoint as it stands in the log, with its signatures; nothing of it is verified yet.
public struct SignedCheckpoint: Sendable, Equatable {
    public let content: Checkpoint
    /// The `kid` of the key that is said to have signed it.
    public let keyID: String
    /// Of the line that it is.
    public let sequence: Int64
    private let line: [UInt8]
    private let signature: [UInt8]
    private let endorsement: (keyID: String, signature: [UInt8])?

    /// Nil for a line that is no checkpoint, or none as the log writes it.
    public init?(_ line: EvidenceLine) {
        guard line.kind == Checkpoint.kind, case .object(let details)? = line.object["usher"],
            case .integer(let number)? = details["number"],
            (1...EvidenceLimits.largestNumber).contains(number),
            let keyID = Self.text(details["key"]), let next = Self.bytes(details["next"], 32),
            let nextKey = try? PublicKey(rawBytes: next), let signature = Self.bytes(details["signature"], 64)
        else { return nil }
        content = Checkpoint(number: number, next: nextKey, restart: Self.text(details["restart"]))
        self.keyID = keyID
        sequence = line.sequence
        self.line = line.bytes
        self.signature = signature
        if let by = Self.text(details["endorsed_by"]), let bytes = Self.bytes(details["endorsement"], 64) {
            endorsement = (by, bytes)
        } else {
            endorsement = nil
        }
    }

    /// Whether it can be verified by the host's key alone, without the checkpoints before it.
    public var isRoot: Bool { endorsement != nil || content.number == 1 }

    /// Whether the key's holder signed exactly this line.
    public func isSigned(by key: PublicKey) -> Bool {
        let text = Checkpoint.signatureText(signature)
        guard key.keyID == keyID, line.suffix(text.count).elementsEqual(text) else { return false }
        return key.isValid(signature: signature, over: Checkpoint.signatureDomain + line.dropLast(text.count))
    }

    /// Whether the host's key vouches for the key that signed.
    public func isEndorsed(by hostKey: PublicKey) -> Bool {
        guard let endorsement, endorsement.keyID == hostKey.keyID else { return false }
        let signed = line.dropLast(Checkpoint.signatureText(signature).count)
        let text = Checkpoint.endorsementText(endorsement.keyID, endorsement.signature)
        guard signed.suffix(text.count).elementsEqual(text) else { return false }
        return hostKey.isValid(
            signature: endorsement.signature, over: Checkpoint.endorsementDomain + signed.dropLast(text.count))
    }

    private static func text(_ value: JSONValue?) -> String? {
        guard case .string(let bytes)? = value else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func bytes(_ value: JSONValue?, _ count: Int) -> [UInt8]? {
        guard case .string(let text)? = value, let bytes = Base64URL.decode(text), bytes.count == count else {
            return nil
        }
        return bytes
    }

    public static func == (first: Self, second: Self) -> Bool { first.line == second.line }
}
