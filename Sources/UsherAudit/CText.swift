internal import CAuparse

/// A NUL-terminated text of libauparse, valid until the next call.
@unsafe struct CText {
    private let bytes: UnsafeRawBufferPointer

    init(_ start: UnsafePointer<CChar>?) {
        // A C string: its length is up to its NUL.
        if let start = unsafe start {
            var length = 0
            while unsafe start[length] != 0 { length += 1 }
            unsafe bytes = UnsafeRawBufferPointer(start: start, count: length)
        } else {
            unsafe bytes = UnsafeRawBufferPointer(start: nil, count: 0)
        }
    }

    var count: Int { unsafe bytes.count }
    var array: [UInt8] { unsafe Array(bytes) }
    var string: String { unsafe String(decoding: bytes, as: UTF8.self) }

    subscript(_ index: Int) -> UInt8 { unsafe bytes[index] }

    static func == (text: CText, literal: StaticString) -> Bool {
        unsafe text.count == literal.utf8CodeUnitCount && text.hasPrefix(literal)
    }

    func hasPrefix(_ literal: StaticString) -> Bool {
        guard unsafe count >= literal.utf8CodeUnitCount else { return false }
        for index in 0..<literal.utf8CodeUnitCount {
            // In bounds of both: index is below the literal's count.
            guard unsafe bytes[index] == literal.utf8Start[index] else { return false }
        }
        return true
    }

    /// All of it as a decimal number.
    var decimal: UInt64? { unsafe number(base: 10, from: 0) }
    var hexadecimal: UInt64? { unsafe number(base: 16, from: 0) }
    var octal: UInt64? { unsafe number(base: 8, from: 0) }

    var signed: Int64? {
        if unsafe count > 1, unsafe self[0] == UInt8(ascii: "-") {
            return unsafe number(base: 10, from: 1).flatMap { Int64(exactly: $0) }.map { -$0 }
        }
        return unsafe decimal.flatMap { Int64(exactly: $0) }
    }

    func number(base: UInt64, from start: Int) -> UInt64? {
        guard unsafe count > start else { return nil }
        var value: UInt64 = 0
        for index in unsafe start..<count {
            guard let digit = unsafe Self.digit(self[index]), digit < base else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: base)
            let (sum, overflowToo) = product.addingReportingOverflow(digit)
            guard !overflow, !overflowToo else { return nil }
            value = sum
        }
        return value
    }

    private static func digit(_ byte: UInt8) -> UInt64? {
        switch byte {
        case 0x30...0x39: UInt64(byte - 0x30)
        case 0x41...0x46: UInt64(byte - 0x41 + 10)
        case 0x61...0x66: UInt64(byte - 0x61 + 10)
        default: nil
        }
    }
}

/// A field's value as it stands in the record.
@unsafe struct FieldValue {
    let text: CText
    /// auparse_type_t.
    let kind: Int32

    /// Without quotes; hexadecimal decoded where libauparse says that the field is of that form. nil for what the kernel
    /// writes for nothing: `(null)`, `(none)`, `?`.
    var decoded: [UInt8]? {
        let count = unsafe text.count
        if count >= 2, unsafe text[0] == UInt8(ascii: "\""), unsafe text[count - 1] == UInt8(ascii: "\"") {
            return unsafe Array(text.array[1..<(count - 1)])
        }
        if unsafe text == "(null)" || text == "(none)" || text == "?" || count == 0 { return nil }
        return unsafe isEscaped ? (text.unhexed ?? text.array) : text.array
    }

    private var isEscaped: Bool {
        switch unsafe UInt32(bitPattern: kind) {
        case AUPARSE_TYPE_ESCAPED.rawValue, AUPARSE_TYPE_ESCAPED_KEY.rawValue, AUPARSE_TYPE_ESCAPED_FILE.rawValue,
            AUPARSE_TYPE_PROCTITLE.rawValue, AUPARSE_TYPE_TTY_DATA.rawValue:
            true
        default: false
        }
    }
}

extension CText {
    /// The bytes that hexadecimal digits stand for; nil when it is something else.
    var unhexed: [UInt8]? {
        guard unsafe count.isMultiple(of: 2) else { return nil }
        var result: [UInt8] = []
        unsafe result.reserveCapacity(count / 2)
        var index = 0
        while unsafe index < count {
            guard let high = unsafe Self.digit(self[index]), let low = unsafe Self.digit(self[index + 1]) else {
                return nil
            }
            result.append(UInt8(high << 4 | low))
            index += 2
        }
        return result
    }
}
