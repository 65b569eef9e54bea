/// Base64 in the two spellings that tickets meet, both decoded strictly: no white space, no foreign
/// characters, and unused last bits must be zero, so that a value has exactly one spelling.
public enum Base64URL {
    /// RFC 4648 section 5, without padding.
    public static func encode(_ bytes: [UInt8]) -> String {
        Base64.encode(bytes, alphabet: Base64.urlAlphabet)
    }

    /// Nil for padding, other characters, an impossible length or unused bits that are not zero.
    public static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
        Base64.decode(text, alphabet: Base64.urlAlphabet)
    }
}

/// What both alphabets share.
enum Base64 {
    static let urlAlphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    static let standardAlphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// Without padding.
    static func encode(_ bytes: [UInt8], alphabet: [UInt8]) -> String {
        String(decoding: encodedBytes(bytes, alphabet: alphabet), as: UTF8.self)
    }

    /// Bytes, unlike a String, can be wiped.
    static func encodedBytes(_ bytes: [UInt8], alphabet: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity((bytes.count * 4 + 2) / 3)
        var accumulator: UInt32 = 0
        var bits = 0
        for byte in bytes {
            accumulator = (accumulator << 8) | UInt32(byte)
            bits += 8
            while bits >= 6 {
                bits -= 6
                output.append(alphabet[Int((accumulator >> UInt32(bits)) & 63)])
            }
        }
        if bits > 0 {
            output.append(alphabet[Int((accumulator << UInt32(6 - bits)) & 63)])
        }
        return output
    }

    /// Without padding; see `Base64URL.decode`.
    static func decode(_ text: some Collection<UInt8>, alphabet: [UInt8]) -> [UInt8]? {
        guard text.count % 4 != 1 else { return nil }
        var output: [UInt8] = []
        output.reserveCapacity(text.count * 3 / 4)
        var accumulator: UInt32 = 0
        var bits = 0
        for byte in text {
            guard let value = value(byte, alphabet) else { return nil }
            accumulator = (accumulator << 6) | value
            bits += 6
            if bits >= 8 {
                bits -= 8
                output.append(UInt8(truncatingIfNeeded: accumulator >> UInt32(bits)))
            }
        }
        guard accumulator & ((1 << UInt32(bits)) - 1) == 0 else { return nil }
        return output
    }

    /// Both alphabets differ in their last two characters only.
    private static func value(_ byte: UInt8, _ alphabet: [UInt8]) -> UInt32? {
        switch byte {
        case 0x41...0x5A: UInt32(byte - 0x41)
        case 0x61...0x7A: UInt32(byte - 0x61) + 26
        case 0x30...0x39: UInt32(byte - 0x30) + 52
        case alphabet[62]: 62
        case alphabet[63]: 63
        default: nil
        }
    }
}
