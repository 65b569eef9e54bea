/// Finds where keys stand in a TOML text. TOMLKit knows positions of syntax errors only; here the text has
/// already been parsed, so that this scanner may assume it to be right and never needs to judge it.
struct TOMLPositions {
    struct Position: Equatable, Sendable {
        /// Both from 1; the column counts characters.
        var line: Int
        var column: Int
    }

    private let text: [Character]
    private var index = 0
    private var line = 1
    private var lineStart = 0
    private var table: [String] = []
    private var found: [[String]: Position] = [:]

    /// The first position of every key and table header, by its path.
    static func scan(_ text: String) -> [[String]: Position] {
        var scanner = TOMLPositions(text: Array(text))
        while scanner.index < scanner.text.count {
            scanner.scanStatement()
        }
        return scanner.found
    }

    private init(text: [Character]) {
        self.text = text
    }

    private var current: Character? { index < text.count ? text[index] : nil }

    private mutating func advance(_ count: Int = 1) {
        for _ in 0..<count where index < text.count {
            // A carriage return with its line feed is one Character.
            let isNewline = text[index].isNewline
            index += 1
            if isNewline {
                line += 1
                lineStart = index
            }
        }
    }

    /// One key and its value, a table header, a comment or an empty line.
    private mutating func scanStatement() {
        skipBlanks()
        switch current {
        case nil: return
        case "#": skipLine()
        case "[":
            while current == "[" { advance() }
            skipBlanks()
            table = scanKey(under: [])
            skipLine()
        case let character? where character.isNewline: advance()
        default:
            scanPair(under: table)
            skipLine()
        }
    }

    private mutating func scanPair(under parent: [String]) {
        let path = scanKey(under: parent)
        skipBlanks()
        guard current == "=" else { return }
        advance()
        skipBlanks()
        scanValue(under: path)
    }

    /// A bare, quoted or dotted key; notes where it begins.
    private mutating func scanKey(under parent: [String]) -> [String] {
        var path = parent
        while true {
            skipBlanks()
            let start = Position(line: line, column: index - lineStart + 1)
            path.append(scanKeyPart())
            if found[path] == nil { found[path] = start }
            skipBlanks()
            guard current == "." else { return path }
            advance()
        }
    }

    private mutating func scanKeyPart() -> String {
        if let quote = current, quote == "\"" || quote == "'" {
            let start = index + 1
            scanString()
            return String(text[start..<max(start, index - 1)])
        }
        let start = index
        while let character = current, character.isLetter || character.isNumber || character == "_" || character == "-" {
            advance()
        }
        return String(text[start..<index])
    }

    private mutating func scanValue(under path: [String]) {
        switch current {
        case "\"", "'": scanString()
        case "[": scanArray(under: path)
        case "{": scanInlineTable(under: path)
        default:
            while let character = current, !character.isNewline, !",]}#".contains(character) { advance() }
        }
    }

    private mutating func scanArray(under path: [String]) {
        advance()
        while true {
            skipSpaceAndComments()
            switch current {
            case nil: return
            case "]":
                advance()
                return
            case ",": advance()
            default:
                let before = index
                scanValue(under: path)
                guard index > before else { return }
            }
        }
    }

    private mutating func scanInlineTable(under path: [String]) {
        advance()
        while true {
            skipSpaceAndComments()
            switch current {
            case nil: return
            case "}":
                advance()
                return
            case ",": advance()
            default:
                let before = index
                scanPair(under: path)
                guard index > before else { return }
            }
        }
    }

    /// A string in any of the four kinds of quotes, which end at the next such quotes.
    private mutating func scanString() {
        guard let quote = current else { return }
        let isLong = index + 2 < text.count && text[index + 1] == quote && text[index + 2] == quote
        advance(isLong ? 3 : 1)
        while let character = current {
            if character == "\\", quote == "\"" {
                advance(2)
            } else if character == quote, !isLong {
                advance()
                return
            } else if character == quote, index + 2 < text.count, text[index + 1] == quote, text[index + 2] == quote {
                while current == quote { advance() }
                return
            } else {
                advance()
            }
        }
    }

    private mutating func skipBlanks() {
        while current == " " || current == "\t" { advance() }
    }

    private mutating func skipSpaceAndComments() {
        while let character = current {
            if character == "#" {
                skipLine()
            } else if character == " " || character == "\t" || character.isNewline {
                advance()
            } else {
                return
            }
        }
    }

    private mutating func skipLine() {
        while let character = current, !character.isNewline { advance() }
        advance()
    }
}
