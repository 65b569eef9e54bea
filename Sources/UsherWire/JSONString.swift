extension JSONParser {
    /// Reads a string that begins at a quotation mark; the result is valid UTF-8.
    static func parseString(_ bytes: Span<UInt8>, _ position: inout Int) throws(JSONError) -> [UInt8] {
        var output: [UInt8] = []
        position += 1
        while true {
            guard position < bytes.count else { throw JSONError(code: .truncated, offset: position) }
            switch bytes[position] {
            case UInt8(ascii: "\""):
                position += 1
                return output
            case UInt8(ascii: "\\"):
                try parseEscape(bytes, &position, into: &output)
            case 0x00..<0x20:
                throw JSONError(code: .invalidString, offset: position)
            case 0x20..<0x80:
                output.append(bytes[position])
                position += 1
            default:
                let length = try sequenceLength(bytes, position)
                for _ in 0..<length {
                    output.append(bytes[position])
                    position += 1
                }
            }
        }
    }

    private static func parseEscape(
        _ bytes: Span<UInt8>, _ position: inout Int, into output: inout [UInt8]
    ) throws(JSONError) {
        guard position + 1 < bytes.count else { throw JSONError(code: .truncated, offset: bytes.count) }
        let escape = bytes[position + 1]
        if escape == UInt8(ascii: "u") {
            let scalar = try parseUnicodeEscape(bytes, &position)
            appendUTF8(scalar, to: &output)
            return
        }
        switch escape {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): output.append(escape)
        case UInt8(ascii: "b"): output.append(0x08)
        case UInt8(ascii: "f"): output.append(0x0C)
        case UInt8(ascii: "n"): output.append(0x0A)
        case UInt8(ascii: "r"): output.append(0x0D)
        case UInt8(ascii: "t"): output.append(0x09)
        default: throw JSONError(code: .invalidString, offset: position)
        }
        position += 2
    }

    /// `\uXXXX`, or two of them for a surrogate pair; a lone surrogate is refused.
    private static func parseUnicodeEscape(_ bytes: Span<UInt8>, _ position: inout Int) throws(JSONError) -> UInt32 {
        let start = position
        let unit = try parseHex(bytes, &position)
        switch unit {
        case 0xD800..<0xDC00:
            guard position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
                bytes[position + 1] == UInt8(ascii: "u")
            else { throw JSONError(code: .invalidString, offset: start) }
            let low = try parseHex(bytes, &position)
            guard low >= 0xDC00, low < 0xE000 else { throw JSONError(code: .invalidString, offset: start) }
            return 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)
        case 0xDC00..<0xE000: throw JSONError(code: .invalidString, offset: start)
        default: return unit
        }
    }

    private static func parseHex(_ bytes: Span<UInt8>, _ position: inout Int) throws(JSONError) -> UInt32 {
        guard position + 6 <= bytes.count else { throw JSONError(code: .truncated, offset: bytes.count) }
        var value: UInt32 = 0
        for index in (position + 2)..<(position + 6) {
            let digit: UInt8
            switch bytes[index] {
            case 0x30...0x39: digit = bytes[index] - 0x30
            case 0x41...0x46: digit = bytes[index] - 0x41 + 10
            case 0x61...0x66: digit = bytes[index] - 0x61 + 10
            default: throw JSONError(code: .invalidString, offset: index)
            }
            value = (value << 4) | UInt32(digit)
        }
        position += 6
        return value
    }

    /// The length of the UTF-8 sequence at `position`, after the table in RFC 3629 section 4.
    private static func sequenceLength(_ bytes: Span<UInt8>, _ position: Int) throws(JSONError) -> Int {
        let length: Int
        var second: ClosedRange<UInt8> = 0x80...0xBF
        switch bytes[position] {
        case 0xC2...0xDF: length = 2
        case 0xE0: (length, second) = (3, 0xA0...0xBF)
        case 0xE1...0xEC, 0xEE...0xEF: length = 3
        case 0xED: (length, second) = (3, 0x80...0x9F)
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF1...0xF3: length = 4
        case 0xF4: (length, second) = (4, 0x80...0x8F)
        default: throw JSONError(code: .invalidUTF8, offset: position)
        }
        guard position + length <= bytes.count else { throw JSONError(code: .truncated, offset: bytes.count) }
        for offset in 1..<length {
            let allowed = offset == 1 ? second : 0x80...0xBF
            guard allowed.contains(bytes[position + offset]) else {
                throw JSONError(code: .invalidUTF8, offset: position + offset)
            }
        }
        return length
    }

    private static func appendUTF8(_ scalar: UInt32, to output: inout [UInt8]) {
        switch scalar {
        case 0..<0x80:
            output.append(UInt8(scalar))
        case 0x80..<0x800:
            output.append(UInt8(0xC0 | (scalar >> 6)))
            output.append(UInt8(0x80 | (scalar & 0x3F)))
        case 0x800..<0x10000:
            output.append(UInt8(0xE0 | (scalar >> 12)))
            output.append(UInt8(0x80 | ((scalar >> 6) & 0x3F)))
            output.append(UInt8(0x80 | (scalar & 0x3F)))
        default:
            output.append(UInt8(0xF0 | (scalar >> 18)))
            output.append(UInt8(0x80 | ((scalar >> 12) & 0x3F)))
            output.append(UInt8(0x80 | ((scalar >> 6) & 0x3F)))
            output.append(UInt8(0x80 | (scalar & 0x3F)))
        }
    }
}
