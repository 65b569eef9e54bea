/// One look through the arguments of an exec, from the first to the last.
struct MaskScan {
    let mask: SecretMask
    /// The next word is a secret; behind its colon, if it is a login.
    private var expected: (isLogin: Bool, Void)?
    /// Programs of the rules that were named so far: `sudo`, `sh -c` and `ssh` run them too.
    private var seen: Set<[UInt8]> = []

    init(mask: SecretMask) {
        self.mask = mask
    }

    /// The parts of an argument that are secret, in their order, none touching another.
    mutating func secrets(in text: [UInt8], isFirst: Bool) -> [Range<Int>] {
        if let (isLogin, _) = expected, !isFirst {
            expected = nil
            // `mysql --password -u root`: the option had no value.
            if text.first != UInt8(ascii: "-") || text.count == 1 {
                return Self.value(of: text, 0..<text.count, isLogin: isLogin).map { [$0] } ?? []
            }
        }
        var found: [Range<Int>] = []
        words(of: text, &found)
        parts(of: text, &found)
        guard found.count > 1 else { return found }
        found.sort { $0.lowerBound < $1.lowerBound }
        var merged = [found[0]]
        for range in found.dropFirst() {
            if range.lowerBound <= merged[merged.count - 1].upperBound {
                let end = max(merged[merged.count - 1].upperBound, range.upperBound)
                merged[merged.count - 1] = merged[merged.count - 1].lowerBound..<end
            } else {
                merged.append(range)
            }
        }
        return merged
    }

    private static func value(of text: [UInt8], _ range: Range<Int>, isLogin: Bool) -> Range<Int>? {
        guard isLogin else { return range.isEmpty ? nil : range }
        guard let colon = text[range].firstIndex(of: UInt8(ascii: ":")), colon + 1 < range.upperBound else {
            return nil
        }
        return (colon + 1)..<range.upperBound
    }

    // MARK: Words: options with values, and programs

    private mutating func words(of text: [UInt8], _ found: inout [Range<Int>]) {
        var position = 0
        while position < text.count {
            if text[position].isBlank {
                position += 1
                continue
            }
            if let (isLogin, _) = expected, position > 0 {
                expected = nil
                let range = Self.quotedWord(text, position)
                if text[position] != UInt8(ascii: "-") {
                    if let secret = Self.value(of: text, range, isLogin: isLogin) { found.append(secret) }
                    position = range.upperBound + 1
                    continue
                }
            }
            var end = position
            while end < text.count, !text[end].isBlank { end += 1 }
            word(text, position..<end, &found)
            position = end
        }
    }

    private mutating func word(_ text: [UInt8], _ range: Range<Int>, _ found: inout [Range<Int>]) {
        var (start, end) = (range.lowerBound, range.upperBound)
        while start < end, text[start].isQuote { start += 1 }
        while end > start, text[end - 1].isQuote { end -= 1 }
        guard start < end else { return }
        if text[start] == UInt8(ascii: "-") {
            let core = text[start..<end]
            if core.count <= 66, let rules = mask.options[Array(core)], let rule = rules.first(where: applies) {
                expected = (rule.isLogin, ())
                return
            }
            for rule in mask.attached where core.count > rule.name.count && core.starts(with: rule.name) {
                if applies((rule.programs, false)) { found.append((start + rule.name.count)..<end) }
            }
        } else if !mask.programs.isEmpty {
            let base = text[start..<end].lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? start
            guard end - base <= 64 else { return }
            let name = Array(text[base..<end])
            if mask.programs.contains(name) { seen.insert(name) }
        }
    }

    private func applies(_ rule: (programs: [[UInt8]], isLogin: Bool)) -> Bool {
        rule.programs.isEmpty || rule.programs.contains { seen.contains($0) }
    }

    /// The word at a place without its quotes; blanks inside of quotes belong to it.
    private static func quotedWord(_ text: [UInt8], _ start: Int) -> Range<Int> {
        let quote = text[start]
        guard quote.isQuote else { return start..<end(of: text, from: start) { $0.isBlank } }
        return (start + 1)..<end(of: text, from: start + 1) { $0 == quote }
    }

    private static func end(of text: [UInt8], from start: Int, where isEnd: (UInt8) -> Bool) -> Int {
        text[start...].firstIndex(where: isEnd) ?? text.count
    }

    // MARK: Parts of a word: assignments, headers, URLs, known tokens

    private func parts(of text: [UInt8], _ found: inout [Range<Int>]) {
        let hasBlank = text.contains { $0.isBlank }
        var keyStart = 0
        var position = 0
        while position < text.count {
            let byte = text[position]
            if byte.isKey {
                if position == keyStart, mask.prefixStarts[Int(byte)], let token = token(text, position) {
                    found.append(token)
                    position = token.upperBound
                    keyStart = position
                    continue
                }
                if masksPrivateKey(text, position, keyStart) {
                    found.append(position..<text.count)
                    return
                }
                position += 1
                continue
            }
            if let secret = secret(text, key: keyStart..<position, hasBlank: hasBlank), !secret.isEmpty {
                found.append(secret)
                position = max(secret.upperBound, position + 1)
                keyStart = position
                continue
            }
            position += 1
            keyStart = position
        }
    }

    /// What follows the key that ends at a byte that belongs to none.
    private func secret(_ text: [UInt8], key: Range<Int>, hasBlank: Bool) -> Range<Int>? {
        let separator = key.upperBound
        switch text[separator] {
        case UInt8(ascii: "="):
            return isAssigned(text, key) ? assigned(text, from: separator + 1, key: key, hasBlank: hasBlank) : nil
        case UInt8(ascii: ":"):
            if mask.masksURLs, let password = password(text, after: separator) { return password }
            return isHeader(text, key) ? header(text, from: separator + 1, key: key) : nil
        case UInt8(ascii: "\""), UInt8(ascii: "'"):
            // "password": "x" of JSON.
            guard separator + 1 < text.count, text[separator + 1] == UInt8(ascii: ":"), isAssigned(text, key) else {
                return nil
            }
            var start = separator + 2
            while start < text.count, text[start].isBlank { start += 1 }
            return assigned(text, from: start, key: key, hasBlank: true)
        default: return nil
        }
    }

    private func isAssigned(_ text: [UInt8], _ key: Range<Int>) -> Bool {
        mask.assignments.contains { name in
            key.count >= name.count
                && zip(text[(key.upperBound - name.count)..<key.upperBound], name).allSatisfy { $0.lower == $1 }
        }
    }

    private func isHeader(_ text: [UInt8], _ key: Range<Int>) -> Bool {
        (1...64).contains(key.count) && mask.headers.contains(Array(text[key]).lowercased)
    }

    /// In an argument that is one assignment the rest of it; in a command line, a query or a list up to what ends it.
    private func assigned(_ text: [UInt8], from start: Int, key: Range<Int>, hasBlank: Bool) -> Range<Int> {
        guard start < text.count else { return start..<start }
        if text[start].isQuote {
            let quote = text[start]
            return (start + 1)..<Self.end(of: text, from: start + 1) { $0 == quote }
        }
        if key.lowerBound == 0, text[0] == UInt8(ascii: "-"), !hasBlank || text[..<start].allSatisfy({ !$0.isBlank }) {
            return start..<text.count
        }
        let isAlone = key.lowerBound == 0 && !hasBlank
        return
            start..<Self.end(of: text, from: start) { byte in
                if isAlone { return byte == UInt8(ascii: "&") }
                switch byte {
                case UInt8(ascii: "&"), UInt8(ascii: ";"), UInt8(ascii: ","), UInt8(ascii: "|"), UInt8(ascii: ")"),
                    UInt8(ascii: "}"):
                    return true
                default: return byte.isBlank || byte.isQuote
                }
            }
    }

    /// Up to the end of the quotes or of the argument that it stands in alone; elsewhere one word.
    private func header(_ text: [UInt8], from start: Int, key: Range<Int>) -> Range<Int> {
        var end = text.count
        let before = key.lowerBound > 0 ? text[key.lowerBound - 1] : nil
        if let before, before.isQuote { end = Self.end(of: text, from: start) { $0 == before } }
        var start = start
        while start < end, text[start].isBlank { start += 1 }
        let word = start..<min(end, Self.end(of: text, from: start) { $0.isBlank })
        if word.upperBound < end, Self.schemes.contains(Array(text[word].prefix(16)).lowercased) {
            start = word.upperBound
            while start < end, text[start].isBlank { start += 1 }
        }
        if let before, !before.isQuote { end = min(end, Self.end(of: text, from: start) { $0.isBlank || $0.isQuote }) }
        return start..<end
    }

    private static let schemes: Set<[UInt8]> = Set(
        ["basic", "bearer", "digest", "negotiate", "token", "apikey"].map { Array($0.utf8) })

    /// `://user:PASSWORD@`, seen from its first colon.
    private func password(_ text: [UInt8], after colon: Int) -> Range<Int>? {
        guard text[(colon + 1)...].starts(with: "//".utf8) else { return nil }
        let start = colon + 3
        var first: Int?
        var at: Int?
        var index = start
        while index < text.count, !text[index].isBlank, !text[index].isQuote, text[index] != UInt8(ascii: "/"),
            text[index] != UInt8(ascii: "?"), text[index] != UInt8(ascii: "#")
        {
            if text[index] == UInt8(ascii: ":"), first == nil { first = index }
            if text[index] == UInt8(ascii: "@") { at = index }
            index += 1
        }
        guard let first, let at, first + 1 < at else { return nil }
        return (first + 1)..<at
    }

    /// The part of a word behind a known prefix.
    private func token(_ text: [UInt8], _ start: Int) -> Range<Int>? {
        for prefix in mask.prefixes where text[start...].starts(with: prefix) {
            let secret = (start + prefix.count)..<Self.end(of: text, from: start + prefix.count) { !$0.isToken }
            if secret.count >= SecretMask.shortestToken { return secret }
        }
        return nil
    }

    private func masksPrivateKey(_ text: [UInt8], _ position: Int, _ keyStart: Int) -> Bool {
        guard mask.masksPrivateKeys, position == keyStart, text[position...].starts(with: "-----BEGIN".utf8) else {
            return false
        }
        // "-----BEGIN ENCRYPTED PRIVATE KEY-----" is the longest of them.
        let line = text[position...].prefix(48)
        return line.indices.contains { text[$0...].starts(with: "PRIVATE KEY-----".utf8) }
    }
}

extension UInt8 {
    fileprivate var lower: UInt8 { (0x41...0x5A).contains(self) ? self | 0x20 : self }

    fileprivate var isBlank: Bool { self == 0x20 || (0x09...0x0D).contains(self) }

    fileprivate var isQuote: Bool { self == UInt8(ascii: "\"") || self == UInt8(ascii: "'") }

    /// Part of a name in front of `=` or `:`.
    fileprivate var isKey: Bool { isToken }

    fileprivate var isToken: Bool {
        switch self {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."): true
        default: false
        }
    }
}
