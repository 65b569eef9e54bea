/// Base32 of RFC 4648 section 6 without padding, in the two spellings that Usher prints.
public enum Base32 {
    /// `a-z2-7`: account names, session ids, handles, host ids.
    public static let lowercase: StaticString = "abcdefghijklmnopqrstuvwxyz234567"
    /// Letters and digits that a person does not confuse when reading a reference aloud (no 0, 1, I, O).
    public static let reference: StaticString = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"

    /// Encodes the leading `characters * 5` bits of `bytes`.
    ///
    /// - Precondition: `characters * 5 <= bytes.count * 8`.
    public static func encode(_ bytes: [UInt8], characters: Int, alphabet: StaticString = lowercase) -> [UInt8] {
        precondition(characters >= 0 && characters * 5 <= bytes.count * 8, "too few bytes for the characters asked for")
        var output: [UInt8] = []
        output.reserveCapacity(characters)
        var accumulator: UInt32 = 0
        var bits = 0
        var next = 0
        for _ in 0..<characters {
            while bits < 5 {
                accumulator = (accumulator << 8) | UInt32(bytes[next])
                next += 1
                bits += 8
            }
            bits -= 5
            output.append(symbol(Int((accumulator >> UInt32(bits)) & 31), alphabet))
        }
        return output
    }

    /// The value of a character of the lowercase alphabet; nil for any other byte.
    public static func value(_ byte: UInt8) -> UInt64? {
        switch byte {
        case 0x61...0x7A: UInt64(byte - 0x61)
        case 0x32...0x37: UInt64(byte - 0x32) + 26
        default: nil
        }
    }

    private static func symbol(_ index: Int, _ alphabet: StaticString) -> UInt8 {
        // Both alphabets above are 32 ASCII characters and `index` has 5 bits.
        unsafe alphabet.utf8Start[index]
    }
}
