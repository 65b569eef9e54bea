public import UsherSystem
public import UsherTicket
internal import UsherWire

/// The key that signs the receipts of this host: a private JWK in root's own directory. Who verifies a receipt needs
/// its public part, which `usher host show --key` gives.
public enum HostKey {
    public static let path = "\(Paths.state)/host-key.jwk"
    /// Far more than any JWK of an Ed25519 key.
    private static let longest = 4096

    /// The key in the file; nil when there is none.
    ///
    /// - Parameter rules: who may own the file, which nobody else may read.
    public static func load(_ path: String = path, rules: FileRules = .rootSecret) throws(SystemError) -> PrivateKey? {
        var text: [UInt8]
        do throws(SystemError) {
            text = try Files.read(path, limit: longest, rules: rules)
        } catch let failure where failure.isNotFound {
            return nil
        }
        defer { Secrets.wipe(&text) }
        if text.last == UInt8(ascii: "\n") { text.removeLast() }
        do throws(KeyError) {
            return try PrivateKey(jwk: text)
        } catch {
            throw SystemError("read host key \(path)", refused: error.detail)
        }
    }

    /// Makes a key where there is none.
    public static func make(_ path: String = path) throws(SystemError) -> PrivateKey {
        let key = try generate(path)
        var text = key.jwk() + [UInt8(ascii: "\n")]
        defer { Secrets.wipe(&text) }
        try NewFile.create(path, text, mode: 0o600)
        return key
    }

    /// Puts a new key in the place of the one that is there. The public part of the former stays beside it, so that
    /// what it signed can still be verified.
    public static func replace(_ former: PublicKey, at path: String, uid: UInt32, gid: UInt32) throws(SystemError)
        -> PrivateKey
    {
        let kept = "\(path.dropLast(4))-\(former.keyID).pub.jwk"
        try Files.writeAtomically(
            kept, Array((former.jwk() + "\n").utf8), mode: 0o644, uid: uid, gid: gid, durable: true)
        let key = try generate(path)
        var text = key.jwk() + [UInt8(ascii: "\n")]
        defer { Secrets.wipe(&text) }
        try Files.writeAtomically(path, text, mode: 0o600, uid: uid, gid: gid, durable: true)
        return key
    }

    private static func generate(_ path: String) throws(SystemError) -> PrivateKey {
        var seed = try Randomness.bytes(32)
        defer { Secrets.wipe(&seed) }
        do throws(KeyError) {
            return try PrivateKey(seed: seed)
        } catch {
            throw SystemError("make host key \(path)", refused: error.detail)
        }
    }
}
