/// The text of addresses: one spelling for each, so that comparing texts and comparing addresses agree.
enum AddressText {
    static let mappedPrefix: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]

    /// 16 bytes, or nil when the text is not the canonical spelling of an address.
    static func parse(_ text: [UInt8]) -> [UInt8]? {
        // The longest: ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff.
        guard !text.isEmpty, text.count <= 39 else { return nil }
        if !text.contains(UInt8(ascii: ":")) {
            return parseDotted(text[...]).map { mappedPrefix + $0 }
        }
        guard let bytes = parseColons(text), Array(render(bytes, mapped: true).utf8) == text else { return nil }
        return bytes
    }

    /// Dotted decimal for IPv4 (also mapped), RFC 5952 for the rest.
    static func render(_ bytes: [UInt8]) -> String {
        render(bytes, mapped: false)
    }

    /// A decimal number without sign or leading zero, at most `limit`.
    static func decimal(_ text: [UInt8], limit: Int) -> Int? {
        guard !text.isEmpty, text.count <= 3, text.count == 1 || text[0] != 0x30 else { return nil }
        var value = 0
        for byte in text {
            guard byte >= 0x30, byte <= 0x39 else { return nil }
            value = value * 10 + Int(byte - 0x30)
        }
        return value <= limit ? value : nil
    }

    private static func parseDotted(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bytes: [UInt8] = []
        for part in parts {
            guard let value = decimal(Array(part), limit: 255) else { return nil }
            bytes.append(UInt8(value))
        }
        return bytes
    }

    /// Lenient about spelling: `parse` compares with the canonical text afterwards.
    private static func parseColons(_ text: [UInt8]) -> [UInt8]? {
        let colon = UInt8(ascii: ":")
        for index in text.indices.dropLast() where text[index] == colon && text[index + 1] == colon {
            guard let head = groups(text[..<index]), let tail = groups(text[(index + 2)...]),
                head.count + tail.count < 16
            else { return nil }
            return head + [UInt8](repeating: 0, count: 16 - head.count - tail.count) + tail
        }
        guard let bytes = groups(text[...]), bytes.count == 16 else { return nil }
        return bytes
    }

    /// Groups of hexadecimal digits between colons, the last of them possibly dotted decimal.
    private static func groups(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        guard !text.isEmpty else { return [] }
        var bytes: [UInt8] = []
        let parts = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            if index == parts.count - 1, part.contains(UInt8(ascii: ".")) {
                guard let dotted = parseDotted(part) else { return nil }
                bytes += dotted
            } else {
                let digits = String(decoding: part, as: UTF8.self)
                guard !part.isEmpty, part.count <= 4, let value = UInt16(digits, radix: 16) else { return nil }
                bytes += [UInt8(value >> 8), UInt8(value & 0xFF)]
            }
        }
        return bytes
    }

    private static func render(_ bytes: [UInt8], mapped: Bool) -> String {
        if bytes.starts(with: mappedPrefix) {
            let dotted = bytes[12...].map { String($0) }.joined(separator: ".")
            return mapped ? "::ffff:" + dotted : dotted
        }
        let groups = stride(from: 0, to: 16, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
        let zeros = longestZeros(groups)
        func text(_ range: Range<Int>) -> String {
            groups[range].map { String($0, radix: 16) }.joined(separator: ":")
        }
        // RFC 5952 section 4.2: "::" for the longest run of two or more zero groups, the first of equals.
        guard zeros.count > 1 else { return text(0..<8) }
        return text(0..<zeros.lowerBound) + "::" + text(zeros.upperBound..<8)
    }

    private static func longestZeros(_ groups: [UInt16]) -> Range<Int> {
        var best = 0..<0
        var start = 0
        for index in groups.indices {
            if groups[index] != 0 {
                start = index + 1
            } else if index + 1 - start > best.count {
                best = start..<(index + 1)
            }
        }
        return best
    }
}
