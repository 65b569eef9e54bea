internal import UsherSystem
internal import UsherTicket

/// Files that hold a key as a JWK.
enum KeyFile {
    /// Far more than any JWK of an Ed25519 key.
    private static let longest = 4096

    /// The private key in a file that nobody but its owner, who is root or this user, can read.
    static func privateKey(_ path: String) throws -> PrivateKey {
        var contents = try FileContents(of: path, limit: longest)
        defer { contents.wipe() }
        try judge(contents.status, path)
        do {
            return try PrivateKey(jwk: trimmed(contents.bytes))
        } catch {
            throw Failure("\(path) is not a private key: \(error.detail)")
        }
    }

    /// The public key of a file with a public or a private JWK; a private one must be as secret as ever.
    static func publicKey(_ path: String) throws -> PublicKey {
        var contents = try FileContents(of: path, limit: longest)
        defer { contents.wipe() }
        do {
            return try PublicKey(jwk: trimmed(contents.bytes))
        } catch {
            guard let key = try? PrivateKey(jwk: trimmed(contents.bytes)) else {
                throw Failure("\(path) is not a public or private key: \(error.detail)")
            }
            try judge(contents.status, path)
            return key.publicKey
        }
    }

    /// The status is the open descriptor's: it speaks of the bytes that were read.
    private static func judge(_ status: FileStatus, _ path: String) throws {
        let user = CurrentProcess.effectiveUserID
        guard status.uid == 0 || status.uid == user else {
            throw Failure("private key \(path) belongs to uid \(status.uid): it must be yours or root's")
        }
        guard status.mode & 0o077 == 0 else {
            let mode = String(status.mode, radix: 8)
            throw Failure("private key \(path) has mode 0\(mode), others may read it: make a new key, or chmod 600 it")
        }
    }

    /// Without the line feed that ends a text file.
    private static func trimmed(_ bytes: [UInt8]) -> [UInt8] {
        bytes.last == UInt8(ascii: "\n") ? Array(bytes.dropLast()) : bytes
    }
}
