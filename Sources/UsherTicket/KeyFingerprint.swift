internal import Crypto

/// The fingerprint of an SSH public key as `ssh-keygen -l` prints it: `SHA256:` and 43 characters of base64
/// without padding.
public struct KeyFingerprint: Hashable, Sendable, CustomStringConvertible {
    public let description: String

    /// Reads the printed form; nil for any other text.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count == 50, bytes.starts(with: "SHA256:".utf8),
            Base64.decode(bytes[7...], alphabet: Base64.standardAlphabet) != nil
        else { return nil }
        description = text
    }

    /// The fingerprint of a key in the wire form of RFC 4253 section 6.6.
    public init(publicKeyBlob blob: [UInt8]) {
        description = "SHA256:" + Base64.encode(Array(SHA256.hash(data: blob)), alphabet: Base64.standardAlphabet)
    }

    /// The fingerprint of a key in base64 with padding, as in authorized_keys and in sshd's
    /// `SSH_AUTH_INFO_0`; nil when the text is no base64.
    public init?(publicKeyText text: String) {
        var bytes = Array(text.utf8)
        guard !bytes.isEmpty, bytes.count % 4 == 0 else { return nil }
        var padding = 0
        while padding < 2, bytes.last == UInt8(ascii: "=") {
            bytes.removeLast()
            padding += 1
        }
        guard let blob = Base64.decode(bytes, alphabet: Base64.standardAlphabet) else { return nil }
        self.init(publicKeyBlob: blob)
    }
}
