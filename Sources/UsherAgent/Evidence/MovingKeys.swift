internal import UsherEvidence
internal import UsherSystem
internal import UsherTicket
internal import UsherWire

/// The keys that sign checkpoints, in a file of root's own: the one that signs the next, and the one that this will name
/// as its successor. A key is in the file before a line names it, and gone from the file after it has signed: a crash at
/// any point leaves one of both pairs.
struct MovingKeys: Sendable {
    /// Of the last checkpoint: its number, its line's number and hash. 0 before the first.
    private(set) var number: Int64
    private(set) var sequence: Int64
    private(set) var hash: LineHash
    /// Signs the next checkpoint; nil where that is the host's key.
    private(set) var signer: PrivateKey?
    /// Named by the next checkpoint.
    private(set) var next: PrivateKey
    /// Why the host's key has to sign a checkpoint that is not the first.
    private(set) var restart: String?

    private static let longest = 4096

    /// Before the first checkpoint.
    static func first() throws(SystemError) -> MovingKeys {
        MovingKeys(number: 0, sequence: 0, hash: .none, signer: nil, next: try makeKey())
    }

    /// After the moving key was lost; the host's key signs, and the checkpoint says why.
    static func restarted(after number: Int64, reason: String) throws(SystemError) -> MovingKeys {
        MovingKeys(number: number, sequence: 0, hash: .none, signer: nil, next: try makeKey(), restart: reason)
    }

    /// After this checkpoint is in the log: its signer is forgotten.
    func advanced(sequence: Int64, hash: LineHash) throws(SystemError) -> MovingKeys {
        MovingKeys(number: number + 1, sequence: sequence, hash: hash, signer: next, next: try Self.makeKey())
    }

    // MARK: The file

    /// Nil when there is none.
    static func load(_ path: String, rules: FileRules) throws(SystemError) -> MovingKeys? {
        var text: [UInt8]
        do throws(SystemError) {
            text = try Files.read(path, limit: longest, rules: rules)
        } catch let failure where failure.isNotFound {
            return nil
        }
        defer { Secrets.wipe(&text) }
        let lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        guard lines.count == 4, lines[3].isEmpty, let head = try? JSONParser.parse(Array(lines[0]).span),
            case .object(let object) = head, case .integer(1)? = object["version"],
            case .integer(let number)? = object["number"], case .integer(let sequence)? = object["sequence"],
            case .string(let digits)? = object["hash"], let hash = LineHash(digits), let next = key(lines[2])
        else { throw SystemError("read \(path)", refused: "not a key file of the evidence log") }
        var restart: String?
        if case .string(let reason)? = object["restart"] { restart = String(decoding: reason, as: UTF8.self) }
        let signer = key(lines[1])
        guard signer != nil || number == 0 || restart != nil else {
            throw SystemError("read \(path)", refused: "its first key is no key")
        }
        return MovingKeys(
            number: number, sequence: sequence, hash: hash, signer: signer, next: next, restart: restart)
    }

    /// Durable when it returns, and whatever key stood there before is gone.
    func save(_ path: String, uid: UInt32, gid: UInt32) throws(SystemError) {
        var writer = JSONWriter(sink: [UInt8]())
        writer.value(
            .object(
                JSONObject([
                    "version": .integer(1), "number": .integer(number), "sequence": .integer(sequence),
                    "hash": .string(hash.digits), "restart": .text(restart),
                ])))
        var text = writer.sink + [UInt8(ascii: "\n")]
        text += (signer?.jwk() ?? []) + [UInt8(ascii: "\n")]
        text += next.jwk() + [UInt8(ascii: "\n")]
        defer { Secrets.wipe(&text) }
        try Files.writeAtomically(path, text, mode: 0o600, uid: uid, gid: gid, durable: true)
    }

    private static func key(_ line: ArraySlice<UInt8>) -> PrivateKey? {
        var bytes = Array(line)
        defer { Secrets.wipe(&bytes) }
        return try? PrivateKey(jwk: bytes)
    }

    private static func makeKey() throws(SystemError) -> PrivateKey {
        var seed = try Randomness.bytes(32)
        defer { Secrets.wipe(&seed) }
        do throws(KeyError) {
            return try PrivateKey(seed: seed)
        } catch {
            throw SystemError("make a key", refused: error.detail)
        }
    }
}
