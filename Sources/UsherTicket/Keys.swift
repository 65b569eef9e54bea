internal import Crypto
public import UsherWire

/// Why a text is not a key. The detail never holds a part of the key.
public struct KeyError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Code: String, CaseIterable, Sendable {
        case notJSON, unknownMember, missingMember, invalidMember, weakKey, mismatch
    }

    public var code: Code
    /// The member of the JWK at fault, where it is one.
    public var member: String?
    public var detail: String

    public init(code: Code, member: String? = nil, detail: String) {
        self.code = code
        self.member = member
        self.detail = detail
    }

    public var description: String { "\(code.rawValue): \(detail)" }
}

/// A broker's public key: Ed25519 (RFC 8032), written as a JWK (RFC 8037 section 2).
public struct PublicKey: Hashable, Sendable, CustomStringConvertible {
    /// The 32 bytes of RFC 8032 section 5.1.2.
    public let rawBytes: [UInt8]
    /// SHA-256 over the JWK's required members (RFC 7638 section 3), 32 bytes.
    public let thumbprintBytes: [UInt8]
    /// The `kid` of tickets: base64url of the first 8 bytes of the thumbprint, 11 characters.
    public let keyID: String

    /// From the raw 32 bytes. Refuses a point of small order: any signature would do for some messages.
    public init(rawBytes: [UInt8]) throws(KeyError) {
        guard rawBytes.count == 32, (try? Curve25519.Signing.PublicKey(rawRepresentation: rawBytes)) != nil else {
            throw KeyError(code: .invalidMember, member: "x", detail: "x is not 32 bytes")
        }
        guard !SmallOrder.contains(rawBytes) else {
            throw KeyError(code: .weakKey, member: "x", detail: "x is a point of small order")
        }
        self.rawBytes = rawBytes
        let canonical = #"{"crv":"Ed25519","kty":"OKP","x":""# + Base64URL.encode(rawBytes) + #""}"#
        thumbprintBytes = Array(SHA256.hash(data: Array(canonical.utf8)))
        keyID = Base64URL.encode(Array(thumbprintBytes[..<8]))
    }

    /// From a JWK of `kty`, `crv`, `x` and optionally `kid`, `use` and `alg`; anything else is refused.
    public init(jwk: [UInt8]) throws(KeyError) {
        try self.init(jwk: JWK.object(jwk))
    }

    /// From the members of a JWK; see `init(jwk:)`.
    public init(jwk object: JSONObject) throws(KeyError) {
        let jwk = try JWK(object, allowsPrivate: false)
        try self.init(rawBytes: jwk.x)
        try jwk.checkKeyID(keyID)
    }

    /// RFC 7638 thumbprint in base64url, 43 characters.
    public var thumbprint: String { Base64URL.encode(thumbprintBytes) }

    /// The JWK as one line of JSON, with `kid`.
    public func jwk() -> String {
        #"{"kty":"OKP","crv":"Ed25519","x":"\#(Base64URL.encode(rawBytes))","kid":"\#(keyID)"}"#
    }

    public var description: String { "Ed25519 key \(keyID)" }

    /// Whether `signature` is this key's over `message` (RFC 8032 section 5.1.7).
    public func isValid(signature: [UInt8], over message: [UInt8]) -> Bool {
        guard let key = try? Curve25519.Signing.PublicKey(rawRepresentation: rawBytes) else { return false }
        return key.isValidSignature(signature, for: message)
    }
}

/// A broker's private key. Nothing that prints a value prints this one.
public struct PrivateKey: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private let key: Curve25519.Signing.PrivateKey
    public let publicKey: PublicKey

    /// From the 32 secret bytes of RFC 8032 section 5.1.5; the caller wipes them.
    public init(seed: [UInt8]) throws(KeyError) {
        guard seed.count == 32, let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: seed) else {
            throw KeyError(code: .invalidMember, member: "d", detail: "d is not 32 bytes")
        }
        self.key = key
        publicKey = try PublicKey(rawBytes: Array(key.publicKey.rawRepresentation))
    }

    /// A new key from the generator's next 32 bytes; pass `SystemRandomNumberGenerator` outside of tests.
    public static func generate(using generator: inout some RandomNumberGenerator) throws(KeyError) -> PrivateKey {
        var seed = (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        defer { Secret.wipe(&seed) }
        return try PrivateKey(seed: seed)
    }

    /// From a JWK with `d`; `x` must be the public key that belongs to it. The caller wipes the text.
    public init(jwk text: [UInt8]) throws(KeyError) {
        var object = try JWK.object(text)
        defer { JWK.wipe(&object) }
        var jwk = try JWK(object, allowsPrivate: true)
        defer { jwk.wipe() }
        try self.init(seed: jwk.d)
        guard publicKey.rawBytes == jwk.x else {
            throw KeyError(code: .mismatch, member: "x", detail: "x is not the public key of d")
        }
        try jwk.checkKeyID(publicKey.keyID)
    }

    /// The JWK with the secret `d`, for a file of mode 0600; the caller wipes it.
    public func jwk() -> [UInt8] {
        var seed = Array(key.rawRepresentation)
        var secret = Base64.encodedBytes(seed, alphabet: Base64.urlAlphabet)
        defer {
            Secret.wipe(&seed)
            Secret.wipe(&secret)
        }
        var text = Array(publicKey.jwk().utf8.dropLast())
        text.reserveCapacity(text.count + secret.count + 8)
        text += Array(#","d":""#.utf8)
        text += secret
        text += Array(#""}"#.utf8)
        return text
    }

    /// The 64 bytes of an Ed25519 signature; the same for the same message (RFC 8032 section 5.1.6).
    public func signature(over message: [UInt8]) throws(KeyError) -> [UInt8] {
        guard let signature = try? key.signature(for: message) else {
            throw KeyError(code: .invalidMember, detail: "the key cannot sign")
        }
        return Array(signature)
    }

    public var description: String { "private \(publicKey)" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Wiping of secrets.
public enum Secret {
    /// Overwrites the bytes with zeros. Not inlined: the compiler then cannot see that nobody reads them
    /// again and leave the writing out. Other copies of the array are not reached.
    @inline(never)
    public static func wipe(_ bytes: inout [UInt8]) {
        for index in bytes.indices {
            bytes[index] = 0
        }
    }
}

/// The points of order 1, 2, 4 and 8 on edwards25519 and their non-canonical encodings, sign bit aside.
private enum SmallOrder {
    static let order8: [[UInt8]] = [
        [
            0x26, 0xE8, 0x95, 0x8F, 0xC2, 0xB2, 0x27, 0xB0, 0x45, 0xC3, 0xF4, 0x89, 0xF2, 0xEF, 0x98, 0xF0,
            0xD5, 0xDF, 0xAC, 0x05, 0xD3, 0xC6, 0x33, 0x39, 0xB1, 0x38, 0x02, 0x88, 0x6D, 0x53, 0xFC, 0x05,
        ],
        [
            0xC7, 0x17, 0x6A, 0x70, 0x3D, 0x4D, 0xD8, 0x4F, 0xBA, 0x3C, 0x0B, 0x76, 0x0D, 0x10, 0x67, 0x0F,
            0x2A, 0x20, 0x53, 0xFA, 0x2C, 0x39, 0xCC, 0xC6, 0x4E, 0xC7, 0xFD, 0x77, 0x92, 0xAC, 0x03, 0x7A,
        ],
    ]

    static func contains(_ point: [UInt8]) -> Bool {
        var y = point
        y[31] &= 0x7F
        if order8.contains(y) { return true }
        let middle = y[1..<31]
        // y = 0 or 1, and y = p - 1, p or p + 1 with p = 2^255 - 19, little-endian.
        return (middle.allSatisfy { $0 == 0 } && y[31] == 0 && y[0] <= 1)
            || (middle.allSatisfy { $0 == 0xFF } && y[31] == 0x7F && (0xEC...0xEE).contains(y[0]))
    }
}
