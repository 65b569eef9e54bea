extension SecretMask {
    /// A record as auditd writes it (`type=EXECVE msg=audit(…): argc=3 a0="mysql" a1=2D70…`), with the secrets in it
    /// masked, and how many those were: EXECVE, PROCTITLE and USER_CMD; others carry no arguments and stay as they are.
    /// What was in hexadecimal digits stays so.
    ///
    /// An argument that the kernel cut into pieces (`a1[0]=`, beyond some 7,500 bytes) is judged piece by piece: a
    /// secret that lies across two of them is not seen whole.
    public func masked(record line: [UInt8]) -> (line: [UInt8], count: Int) {
        guard let type = RawFields.type(of: line) else { return (line, 0) }
        var fields = RawFields(line).all.filter { Self.carries($0.name, type) }
        guard !fields.isEmpty else { return (line, 0) }
        var count = 0
        if type.elementsEqual("PROCTITLE".utf8) {
            for index in fields.indices {
                let parts = fields[index].value.split(separator: 0, omittingEmptySubsequences: false).map { Array($0) }
                let (arguments, found) = masked(parts)
                fields[index].value = Array(arguments.joined(separator: [0]))
                count += found
            }
        } else if type.elementsEqual("EXECVE".utf8) {
            let (arguments, found) = masked(fields.map(\.value))
            for index in fields.indices { fields[index].value = arguments[index] }
            count = found
        } else {
            for index in fields.indices {
                let (text, found) = masked(commandLine: fields[index].value)
                fields[index].value = text
                count += found
            }
        }
        guard count > 0 else { return (line, 0) }
        var result: [UInt8] = []
        var position = 0
        for field in fields {
            result += line[position..<field.range.lowerBound]
            result += field.encoded
            position = field.range.upperBound
        }
        return (result + line[position...], count)
    }

    private static func carries(_ name: ArraySlice<UInt8>, _ type: ArraySlice<UInt8>) -> Bool {
        if type.elementsEqual("PROCTITLE".utf8) { return name.elementsEqual("proctitle".utf8) }
        if type.elementsEqual("USER_CMD".utf8) { return name.elementsEqual("cmd".utf8) }
        // a0, a12, a3[1]; not argc, not a3_len.
        guard type.elementsEqual("EXECVE".utf8), name.first == UInt8(ascii: "a"), name.count > 1 else { return false }
        return name.dropFirst().allSatisfy {
            (0x30...0x39).contains($0) || $0 == UInt8(ascii: "[") || $0 == UInt8(ascii: "]")
        }
    }
}

/// The `name=value` fields of a record whose values are quoted or in hexadecimal digits.
private struct RawFields {
    struct Field {
        var name: ArraySlice<UInt8>
        /// Of the value as it stands in the line, with its quotes.
        var range: Range<Int>
        var value: [UInt8]
        var isQuoted: Bool

        /// As the kernel would write it.
        var encoded: [UInt8] {
            if isQuoted { return [UInt8(ascii: "\"")] + value + [UInt8(ascii: "\"")] }
            let digits = Array("0123456789ABCDEF".utf8)
            return value.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        }
    }

    var all: [Field] = []

    static func type(of line: [UInt8]) -> ArraySlice<UInt8>? {
        guard line.starts(with: "type=".utf8), let end = line.firstIndex(of: 0x20) else { return nil }
        return line[5..<end]
    }

    init(_ line: [UInt8]) {
        var position = 0
        while position < line.count {
            // A record's own text stands between single quotes: msg='cwd="/" cmd=…'.
            guard let equals = line[position...].firstIndex(of: UInt8(ascii: "=")) else { return }
            var start = equals
            while start > position, line[start - 1] > 0x20, line[start - 1] != UInt8(ascii: "'"),
                line[start - 1] != 0x1D
            {
                start -= 1
            }
            position = equals + 1
            guard position < line.count else { return }
            if line[position] == UInt8(ascii: "\"") {
                let end = line[(position + 1)...].firstIndex(of: UInt8(ascii: "\"")) ?? line.count
                all.append(
                    Field(
                        name: line[start..<equals], range: position..<min(end + 1, line.count),
                        value: Array(line[(position + 1)..<end]), isQuoted: true))
                position = min(end + 1, line.count)
            } else if let (value, end) = Self.hexadecimal(line, position) {
                all.append(Field(name: line[start..<equals], range: position..<end, value: value, isQuoted: false))
                position = end
            }
        }
    }

    private static func hexadecimal(_ line: [UInt8], _ start: Int) -> ([UInt8], Int)? {
        var value: [UInt8] = []
        var index = start
        while index + 1 < line.count, let high = digit(line[index]), let low = digit(line[index + 1]) {
            value.append(high << 4 | low)
            index += 2
        }
        let ends = index == line.count || line[index] <= 0x20 || line[index] == UInt8(ascii: "'")
        return index > start && ends ? (value, index) : nil
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        default: nil
        }
    }
}
