/// Finds where keys stand in a TOML text. TOMLKit knows positions of syntax errors only; here the text has
/// already been parsed, so that this scanner may assume it to be right and never needs to judge it.
struct TOMLPositions {
    struct Position: Equatable, Sendable {
        /// Both from 1; the column counts code points, as toml++ does.
        var line: Int
        var column: Int
    }

    /// TOML 1.0: A-Za-z0-9_-.
    private static let bareKey = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-".unicodeScalars)
    private static let valueEnds = Set(",]}#\n".unicodeScalars)

    private let text: [Unicode.Scalar]
    private var index = 0
    private var line = 1
    private var lineStart = 0
    private var table: [String] = []
    private var found: [[String]: Position] = [:]

    /// The first position of every key and table header, by its path.
    static func scan(_ text: String) -> [[String]: Position] {
        var scanner = TOMLPositions(text: Array(text.unicodeScalars))
        while scanner.index < scanner.text.count {
            scanner.scanStatement()
        }
        return scanner.found
    }

    private init(text: [Unicode.Scalar]) {
        self.text = text
        // A byte order mark is allowed, and is no part of the first line.
        if text.first == "\u{FEFF}" { advance() }
        lineStart = index
    }

    private var current: Unicode.Scalar? { index < text.count ? text[index] : nil }

    private mutating func advance(_ count: Int = 1) {
        for _ in 0..<count where index < text.count {
            let isNewline = text[index] == "\n"
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
        case "\n", "\r": advance()
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
            return string(start..<max(start, index - 1))
        }
        let start = index
        while let scalar = current, Self.bareKey.contains(scalar) { advance() }
        return string(start..<index)
    }

    private func string(_ range: Range<Int>) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: text[range])
        return String(view)
    }

    private mutating func scanValue(under path: [String]) {
        switch current {
        case "\"", "'": scanString()
        case "[": scanArray(under: path)
        case "{": scanInlineTable(under: path)
        default:
            while let scalar = current, !Self.valueEnds.contains(scalar) { advance() }
        }
    }

    /// Notes the place of every element, by its number from 0.
    private mutating func scanArray(under path: [String]) {
        var count = 0
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
                found[path + [String(count)]] = Position(line: line, column: index - lineStart + 1)
                scanValue(under: path + [String(count)])
                count += 1
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
        while let scalar = current {
            if scalar == "\\", quote == "\"" {
                advance(2)
            } else if scalar == quote, !isLong {
                advance()
                return
            } else if scalar == quote, index + 2 < text.count, text[index + 1] == quote, text[index + 2] == quote {
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
        while let scalar = current {
            switch scalar {
            case "#": skipLine()
            case " ", "\t", "\n", "\r": advance()
            default: return
            }
        }
    }

    private mutating func skipLine() {
        while let scalar = current, scalar != "\n" { advance() }
        advance()
    }
}
