/// Reads TOML 1.0 (https://toml.io/en/v1.0.0) without what no key of Usher's takes: fractions, dates, integers in
/// other bases, strings of several lines, lists of tables, dotted keys inside inline tables. All of it is TOML;
/// whatever else is TOML is refused with its place.
///
/// Why our own: the agent reads these files as root while sessions are live, and toml++, which TOMLKit wraps,
/// aborts the process on a mistake as small as `skew =`; nor does it tell where a value stands.
struct TOMLParser {
    /// Longest text in bytes; a role or a trust entry has a few hundred.
    static let longestText = 65_536
    /// How deep lists and inline tables may nest.
    static let deepestNesting = 8

    /// How a path came to be: decides what may be added below it (TOML 1.0, "Table" and "Keys").
    private enum Origin {
        /// Named on the way to a longer table header; may still get a header of its own.
        case passed
        /// Has had its header.
        case header
        /// Made by a dotted key.
        case dotted
        /// A value: complete.
        case value
    }

    let text: [Unicode.Scalar]
    var index = 0
    private var line = 1
    private var lineStart = 0
    private var table: [String] = []
    private var origins: [[String]: Origin] = [[]: .header]
    private var document = TOMLDocument()

    static func parse(_ text: String) throws(TOMLError) -> TOMLDocument {
        guard text.utf8.count <= longestText else {
            throw TOMLError(
                message: "longer than \(longestText) bytes", position: TextPosition(line: 1, column: 1))
        }
        var parser = TOMLParser(text: Array(text.unicodeScalars))
        try parser.refuseControlCharacters()
        // A byte order mark is allowed, and is no part of the first line.
        if parser.current == "\u{FEFF}" {
            parser.advance()
            parser.lineStart = 1
        }
        while parser.current != nil {
            try parser.parseStatement()
        }
        return parser.document
    }

    private init(text: [Unicode.Scalar]) {
        self.text = text
    }

    var current: Unicode.Scalar? { index < text.count ? text[index] : nil }

    var position: TextPosition { TextPosition(line: line, column: index - lineStart + 1) }

    mutating func advance() {
        let isLineEnd = text[index] == "\n"
        index += 1
        if isLineEnd {
            line += 1
            lineStart = index
        }
    }

    func failure(_ message: String) -> TOMLError {
        TOMLError(message: message, position: position)
    }

    mutating func note(_ path: [String], at position: TextPosition) {
        if document.positions[path] == nil { document.positions[path] = position }
    }

    /// TOML allows a tab and line ends alone. U+FFFD is what a reader makes of bytes that are not UTF-8.
    private mutating func refuseControlCharacters() throws(TOMLError) {
        while let scalar = current {
            switch scalar {
            case "\t", "\n": break
            case "\r" where index + 1 < text.count && text[index + 1] == "\n": break
            case "\0"..<" ", "\u{7F}": throw failure("a control character")
            case "\u{FFFD}": throw failure("not UTF-8")
            default: break
            }
            advance()
        }
        (index, line, lineStart) = (0, 1, 0)
    }

    /// One key with its value, a table header, a comment or an empty line.
    private mutating func parseStatement() throws(TOMLError) {
        skipBlanks()
        switch current {
        case nil, "\n", "\r", "#": break
        case "[": try parseHeader()
        default: try parsePair()
        }
        try endLine()
    }

    private mutating func parseHeader() throws(TOMLError) {
        let start = position
        advance()
        guard current != "[" else { throw failure("a list of tables has no place here") }
        let (path, _) = try parseKey()
        guard current == "]" else { throw failure("a table header ends in ]") }
        advance()
        for length in 1..<path.count {
            let parent = Array(path[..<length])
            switch origins[parent] {
            case nil: origins[parent] = .passed
            case .value: throw TOMLError(message: "\(parent[length - 1]) is a value, not a table", position: start)
            default: break
            }
        }
        guard origins[path] == nil || origins[path] == .passed else {
            throw TOMLError(message: "\(path.joined(separator: ".")) stands here a second time", position: start)
        }
        origins[path] = .header
        note(path, at: start)
        Self.insert(.table([:]), at: path[...], into: &document.members)
        table = path
    }

    private mutating func parsePair() throws(TOMLError) {
        let (key, start) = try parseKey()
        guard current == "=" else { throw failure("a key is followed by = and a value") }
        advance()
        skipBlanks()
        for length in 1..<key.count {
            let parent = table + key[..<length]
            switch origins[parent] {
            case nil:
                origins[parent] = .dotted
                note(parent, at: start)
            case .dotted: break
            default: throw TOMLError(message: "\(key[length - 1]) cannot be added to here", position: start)
            }
        }
        let path = table + key
        guard origins[path] == nil else {
            throw TOMLError(message: "\(key.joined(separator: ".")) stands here a second time", position: start)
        }
        origins[path] = .value
        note(path, at: start)
        Self.insert(try parseValue(path, depth: 0), at: path[...], into: &document.members)
    }

    /// A bare, quoted or dotted key with the blanks behind it, and where it begins.
    private mutating func parseKey() throws(TOMLError) -> ([String], TextPosition) {
        skipBlanks()
        let start = position
        var path = [try parseKeyPart()]
        skipBlanks()
        while current == "." {
            advance()
            skipBlanks()
            path.append(try parseKeyPart())
            skipBlanks()
        }
        return (path, start)
    }

    mutating func parseKeyPart() throws(TOMLError) -> String {
        if current == "\"" || current == "'" { return try parseString() }
        var part = String.UnicodeScalarView()
        while let scalar = current, Self.isBare(scalar) {
            part.append(scalar)
            advance()
        }
        guard !part.isEmpty else { throw failure("a key is letters, digits, _ and -, or quoted") }
        return String(part)
    }

    private static func isBare(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "_", "-": true
        default: false
        }
    }

    /// Nothing but blanks and a comment may follow on a line.
    private mutating func endLine() throws(TOMLError) {
        skipBlanks()
        skipComment()
        if current == "\r" { advance() }
        guard let scalar = current else { return }
        guard scalar == "\n" else { throw failure("nothing can follow here on the same line") }
        advance()
    }

    mutating func skipBlanks() {
        while current == " " || current == "\t" { advance() }
    }

    mutating func skipComment() {
        guard current == "#" else { return }
        while let scalar = current, scalar != "\n" { advance() }
    }

    /// Puts a node where its path says; tables on the way are made. A table that is there already stays.
    private static func insert(_ node: TOMLNode, at path: ArraySlice<String>, into members: inout [String: TOMLNode]) {
        guard let name = path.first else { return }
        guard path.count > 1 else {
            if case .table = node, case .table? = members[name] { return }
            members[name] = node
            return
        }
        var inner: [String: TOMLNode] = [:]
        if case .table(let existing)? = members[name] { inner = existing }
        insert(node, at: path.dropFirst(), into: &inner)
        members[name] = .table(inner)
    }
}
