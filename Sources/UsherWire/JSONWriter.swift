/// Where a writer puts its bytes: a growing array, or a fixed buffer that can be wiped.
public protocol ByteSink {
    mutating func append(_ byte: UInt8)
}

extension [UInt8]: ByteSink {}

/// Writes JSON without white space. The caller keeps names and values balanced; names are literals.
public struct JSONWriter<Sink: ByteSink> {
    public var sink: Sink
    private var needsComma = false

    public init(sink: Sink) {
        self.sink = sink
    }

    public mutating func beginObject() { open(UInt8(ascii: "{")) }
    public mutating func endObject() { close(UInt8(ascii: "}")) }
    public mutating func beginArray() { open(UInt8(ascii: "[")) }
    public mutating func endArray() { close(UInt8(ascii: "]")) }

    /// The name of the member that the next call writes.
    public mutating func name(_ name: StaticString) {
        separate()
        sink.append(UInt8(ascii: "\""))
        raw(name)
        sink.append(UInt8(ascii: "\""))
        sink.append(UInt8(ascii: ":"))
        needsComma = false
    }

    /// A name that is not known beforehand.
    public mutating func name(bytes: [UInt8]) {
        string(bytes.span)
        sink.append(UInt8(ascii: ":"))
        needsComma = false
    }

    public mutating func string(_ bytes: Span<UInt8>) {
        separate()
        sink.append(UInt8(ascii: "\""))
        for index in bytes.indices {
            escaped(bytes[index])
        }
        sink.append(UInt8(ascii: "\""))
        needsComma = true
    }

    public mutating func string(_ literal: StaticString) {
        separate()
        sink.append(UInt8(ascii: "\""))
        for index in 0..<literal.utf8CodeUnitCount {
            // In bounds: index is below the literal's count.
            unsafe escaped(literal.utf8Start[index])
        }
        sink.append(UInt8(ascii: "\""))
        needsComma = true
    }

    public mutating func boolean(_ value: Bool) {
        separate()
        raw(value ? "true" : "false")
        needsComma = true
    }

    public mutating func null() {
        separate()
        raw("null")
        needsComma = true
    }

    public mutating func integer(_ value: Int64) {
        separate()
        if value < 0 { sink.append(UInt8(ascii: "-")) }
        // 19 digits hold any 64-bit magnitude.
        var divisor: UInt64 = 10_000_000_000_000_000_000
        var started = false
        var rest = value.magnitude
        while divisor > 0 {
            let digit = UInt8(rest / divisor)
            rest %= divisor
            started = started || digit != 0 || divisor == 1
            if started { sink.append(0x30 + digit) }
            divisor /= 10
        }
        needsComma = true
    }

    /// Writes a whole value.
    public mutating func value(_ value: JSONValue) {
        switch value {
        case .null: null()
        case .boolean(let flag): boolean(flag)
        case .integer(let number): integer(number)
        case .string(let bytes): string(bytes.span)
        case .array(let values):
            beginArray()
            for each in values { self.value(each) }
            endArray()
        case .object(let object):
            beginObject()
            for member in object.members {
                string(member.name.span)
                sink.append(UInt8(ascii: ":"))
                needsComma = false
                self.value(member.value)
            }
            endObject()
        }
    }

    private mutating func open(_ bracket: UInt8) {
        separate()
        sink.append(bracket)
        needsComma = false
    }

    private mutating func close(_ bracket: UInt8) {
        sink.append(bracket)
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { sink.append(UInt8(ascii: ",")) }
        needsComma = false
    }

    private mutating func raw(_ literal: StaticString) {
        for index in 0..<literal.utf8CodeUnitCount {
            // In bounds: index is below the literal's count.
            unsafe sink.append(literal.utf8Start[index])
        }
    }

    private mutating func escaped(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"):
            sink.append(UInt8(ascii: "\\"))
            sink.append(byte)
        case 0x00..<0x20, 0x7F:
            raw("\\u00")
            sink.append(hexadecimal(byte >> 4))
            sink.append(hexadecimal(byte & 15))
        default: sink.append(byte)
        }
    }

    private func hexadecimal(_ nibble: UInt8) -> UInt8 {
        nibble < 10 ? 0x30 + nibble : 0x61 + nibble - 10
    }
}
