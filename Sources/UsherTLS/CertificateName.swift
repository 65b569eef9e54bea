internal import NIOSSL

/// Whether a certificate names a server, stricter than NIOSSL, which has verified the chain and, of the name asked for
/// and the address connected to, *either*: a certificate for that address must not pass for one with the name.
enum CertificateName {
    /// Only DNS names of subjectAltName count (RFC 9525, 6.3): neither the subject's common name nor patterns other than
    /// `*.` in front of the rest.
    static func names(_ certificate: NIOSSLCertificate?, _ name: String) -> Bool {
        guard let certificate else { return false }
        return certificate._subjectAlternativeNames().contains { alternative in
            alternative.nameType == .dnsName && matches(Array(alternative.contents), Array(name.utf8))
        }
    }

    static func matches(_ pattern: [UInt8], _ name: [UInt8]) -> Bool {
        let pattern = pattern.map(lowercased)
        let name = name.map(lowercased)
        guard pattern.starts(with: [UInt8(ascii: "*"), UInt8(ascii: ".")]) else { return pattern == name }
        guard let dot = name.firstIndex(of: UInt8(ascii: ".")), dot > 0 else { return false }
        return pattern[1...] == name[dot...]
    }

    private static func lowercased(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }
}
