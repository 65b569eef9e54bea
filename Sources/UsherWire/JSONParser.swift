/// Why a text is not the JSON that Usher accepts.
public struct JSONError: Error, Equatable, Sendable {
    public enum Code: Equatable, Sendable {
        case truncated, unexpectedByte, trailingBytes, tooDeep, tooManyMembers, duplicateName
        case notAnInteger, integerOutOfRange, invalidString, invalidUTF8
    }

    public var code: Code
    /// Offset in bytes of the first byte that cannot be accepted.
    public var offset: Int

    public init(code: Code, offset: Int) {
        self.code = code
        self.offset = offset
    }
}

/// A strict RFC 8259 parser over untrusted bytes: unique names, integers only, valid UTF-8, bounded depth,
/// nothing after the value. One place for every JSON that Usher reads: Varlink calls, tickets, keys.
public enum JSONParser {
    /// Parses exactly one value; white space is allowed where RFC 8259 allows it.
    public static func parse(_ bytes: Span<UInt8>) throws(JSONError) -> JSONValue {
        var position = 0
        let value = try parseValue(bytes, &position, depth: 0)
        skipSpace(bytes, &position)
        guard position == bytes.count else { throw JSONError(code: .trailingBytes, offset: position) }
        return value
    }

    private static func parseValue(
        _ bytes: Span<UInt8>, _ position: inout Int, depth: Int
    ) throws(JSONError) -> JSONValue {
        guard depth < Limits.jsonDepth else { throw JSONError(code: .tooDeep, offset: position) }
        skipSpace(bytes, &position)
        switch try byte(bytes, position) {
        case UInt8(ascii: "{"): return .object(try parseObject(bytes, &position, depth: depth))
        case UInt8(ascii: "["): return .array(try parseArray(bytes, &position, depth: depth))
        case UInt8(ascii: "\""): return .string(try parseString(bytes, &position))
        case UInt8(ascii: "-"), 0x30...0x39: return .integer(try parseInteger(bytes, &position))
        case UInt8(ascii: "t"):
            try expect("true", bytes, &position)
            return .boolean(true)
        case UInt8(ascii: "f"):
            try expect("false", bytes, &position)
            return .boolean(false)
        case UInt8(ascii: "n"):
            try expect("null", bytes, &position)
            return .null
        default: throw JSONError(code: .unexpectedByte, offset: position)
        }
    }

    private static func parseObject(
        _ bytes: Span<UInt8>, _ position: inout Int, depth: Int
    ) throws(JSONError) -> JSONObject {
        var object = JSONObject()
        position += 1
        skipSpace(bytes, &position)
        if try byte(bytes, position) == UInt8(ascii: "}") {
            position += 1
            return object
        }
        while true {
            skipSpace(bytes, &position)
            let start = position
            guard try byte(bytes, position) == UInt8(ascii: "\"") else {
                throw JSONError(code: .unexpectedByte, offset: position)
            }
            // Each name is compared with all before it.
            guard object.members.count < Limits.jsonMembers else {
                throw JSONError(code: .tooManyMembers, offset: start)
            }
            let name = try parseString(bytes, &position)
            for member in object.members where member.name == name {
                throw JSONError(code: .duplicateName, offset: start)
            }
            skipSpace(bytes, &position)
            try expect(":", bytes, &position)
            let value = try parseValue(bytes, &position, depth: depth + 1)
            object.members.append(JSONObject.Member(name: name, value: value))
            if try closes(UInt8(ascii: "}"), bytes, &position) { return object }
        }
    }

    private static func parseArray(
        _ bytes: Span<UInt8>, _ position: inout Int, depth: Int
    ) throws(JSONError) -> [JSONValue] {
        var values: [JSONValue] = []
        position += 1
        skipSpace(bytes, &position)
        if try byte(bytes, position) == UInt8(ascii: "]") {
            position += 1
            return values
        }
        while true {
            values.append(try parseValue(bytes, &position, depth: depth + 1))
            if try closes(UInt8(ascii: "]"), bytes, &position) { return values }
        }
    }

    /// After a member or element: true at the closing bracket, false at a comma.
    private static func closes(_ bracket: UInt8, _ bytes: Span<UInt8>, _ position: inout Int) throws(JSONError) -> Bool
    {
        skipSpace(bytes, &position)
        let next = try byte(bytes, position)
        guard next == bracket || next == UInt8(ascii: ",") else {
            throw JSONError(code: .unexpectedByte, offset: position)
        }
        position += 1
        return next == bracket
    }

    private static func parseInteger(_ bytes: Span<UInt8>, _ position: inout Int) throws(JSONError) -> Int64 {
        let start = position
        let negative = bytes[position] == UInt8(ascii: "-")
        if negative { position += 1 }
        let first = position
        var value: Int64 = 0
        while position < bytes.count, bytes[position] >= 0x30, bytes[position] <= 0x39 {
            let digit = Int64(bytes[position] - 0x30)
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflowToo) = product.addingReportingOverflow(negative ? -digit : digit)
            guard !overflow, !overflowToo else { throw JSONError(code: .integerOutOfRange, offset: start) }
            value = sum
            position += 1
        }
        guard position > first else { throw JSONError(code: .notAnInteger, offset: start) }
        // RFC 8259 section 6: no leading zeros.
        guard bytes[first] != 0x30 || position == first + 1 else { throw JSONError(code: .notAnInteger, offset: start) }
        if position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"):
                throw JSONError(code: .notAnInteger, offset: position)
            default: break
            }
        }
        return value
    }

    private static func byte(_ bytes: Span<UInt8>, _ position: Int) throws(JSONError) -> UInt8 {
        guard position < bytes.count else { throw JSONError(code: .truncated, offset: bytes.count) }
        return bytes[position]
    }

    private static func expect(
        _ literal: StaticString, _ bytes: Span<UInt8>, _ position: inout Int
    ) throws(JSONError) {
        for index in 0..<literal.utf8CodeUnitCount {
            // In bounds: index is below the literal's count.
            guard unsafe try byte(bytes, position) == literal.utf8Start[index] else {
                throw JSONError(code: .unexpectedByte, offset: position)
            }
            position += 1
        }
    }

    private static func skipSpace(_ bytes: Span<UInt8>, _ position: inout Int) {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
        }
    }
}
