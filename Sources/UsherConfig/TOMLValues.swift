extension TOMLParser {
    /// A value at the current place; `path` is where its parts are noted.
    mutating func parseValue(_ path: [String], depth: Int) throws(TOMLError) -> TOMLNode {
        guard depth < Self.deepestNesting else { throw failure("nested deeper than \(Self.deepestNesting)") }
        switch current {
        case "\"", "'": return .string(try parseString())
        case "[": return .array(try parseArray(path, depth: depth))
        case "{": return .table(try parseInlineTable(path, depth: depth))
        default: return try parseWord()
        }
    }

    /// A boolean or a decimal integer.
    private mutating func parseWord() throws(TOMLError) -> TOMLNode {
        let start = position
        var word = ""
        while let scalar = current, !" \t\r\n,]}#=".unicodeScalars.contains(scalar) {
            word.unicodeScalars.append(scalar)
            advance()
        }
        switch word {
        case "": throw TOMLError(message: "a value is missing", position: start)
        case "true": return .boolean(true)
        case "false": return .boolean(false)
        default:
            guard let value = Self.integer(Array(word.utf8)) else {
                throw TOMLError(
                    message: "neither an integer, nor true or false, nor a \"quoted string\"", position: start)
            }
            return .integer(value)
        }
    }

    /// Decimal, without leading zeros; single underscores between digits.
    private static func integer(_ word: [UInt8]) -> Int64? {
        var digits: [UInt8] = []
        var previous = UInt8(ascii: "_")
        let hasSign = word.first == UInt8(ascii: "-") || word.first == UInt8(ascii: "+")
        for byte in word.dropFirst(hasSign ? 1 : 0) {
            switch byte {
            case 0x30...0x39: digits.append(byte)
            case UInt8(ascii: "_") where previous != UInt8(ascii: "_"): break
            default: return nil
            }
            previous = byte
        }
        guard previous != UInt8(ascii: "_"), digits.count == 1 || digits.first != 0x30 else { return nil }
        let sign = word.first == UInt8(ascii: "-") ? "-" : ""
        return Int64(sign + String(decoding: digits, as: UTF8.self))
    }

    private mutating func parseArray(_ path: [String], depth: Int) throws(TOMLError) -> [TOMLNode] {
        var nodes: [TOMLNode] = []
        advance()
        while true {
            skipLines()
            if current != "]" {
                let element = path + [String(nodes.count)]
                note(element, at: position)
                nodes.append(try parseValue(element, depth: depth + 1))
                skipLines()
            }
            switch current {
            case ",": advance()
            case "]":
                advance()
                return nodes
            default: throw failure("elements of a list stand between commas and end in ]")
            }
        }
    }

    /// On one line, without a comma at the end, as TOML 1.0 wants it.
    private mutating func parseInlineTable(_ path: [String], depth: Int) throws(TOMLError) -> [String: TOMLNode] {
        var members: [String: TOMLNode] = [:]
        advance()
        skipBlanks()
        if current == "}" {
            advance()
            return members
        }
        while true {
            skipBlanks()
            let start = position
            let name = try parseKeyPart()
            guard members[name] == nil else {
                throw TOMLError(message: "\(name) stands here a second time", position: start)
            }
            skipBlanks()
            guard current == "=" else { throw failure("a key is followed by = and a value") }
            advance()
            skipBlanks()
            note(path + [name], at: start)
            members[name] = try parseValue(path + [name], depth: depth + 1)
            skipBlanks()
            switch current {
            case ",": advance()
            case "}":
                advance()
                return members
            default: throw failure("members of a table stand between commas and end in }")
            }
        }
    }

    /// A string of one line, in either kind of quotes.
    mutating func parseString() throws(TOMLError) -> String {
        let quote = current
        let start = position
        advance()
        var string = String.UnicodeScalarView()
        while let scalar = current, scalar != "\n", scalar != "\r" {
            if scalar == quote {
                advance()
                guard !string.isEmpty || current != quote else {
                    throw TOMLError(message: "a string of several lines has no place here", position: start)
                }
                return String(string)
            }
            if scalar == "\\", quote == "\"" {
                string.append(try parseEscape())
            } else {
                string.append(scalar)
                advance()
            }
        }
        throw TOMLError(message: "the string does not end on its line", position: start)
    }

    private mutating func parseEscape() throws(TOMLError) -> Unicode.Scalar {
        let start = position
        advance()
        guard let letter = current else { throw TOMLError(message: "an escape without its letter", position: start) }
        advance()
        switch letter {
        case "\"", "\\": return letter
        case "b": return "\u{8}"
        case "t": return "\t"
        case "n": return "\n"
        case "f": return "\u{C}"
        case "r": return "\r"
        case "u": return try parseCode(digits: 4, start)
        case "U": return try parseCode(digits: 8, start)
        default: throw TOMLError(message: "an unknown escape", position: start)
        }
    }

    private mutating func parseCode(digits: Int, _ start: TextPosition) throws(TOMLError) -> Unicode.Scalar {
        var code: UInt32 = 0
        for _ in 0..<digits {
            guard let scalar = current, scalar.isASCII, let digit = Character(scalar).hexDigitValue else {
                throw TOMLError(message: "an escape of \(digits) hexadecimal digits", position: start)
            }
            code = (code << 4) | UInt32(digit)
            advance()
        }
        guard let scalar = Unicode.Scalar(code) else {
            throw TOMLError(message: "an escape of no Unicode character", position: start)
        }
        return scalar
    }

    /// Blanks, line ends and comments, which may stand anywhere inside a list.
    private mutating func skipLines() {
        while let scalar = current {
            switch scalar {
            case " ", "\t", "\n", "\r": advance()
            case "#": skipComment()
            default: return
            }
        }
    }
}
