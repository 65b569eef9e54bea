/// A file's text, and where its keys stand in it.
struct SourceText: Equatable, Sendable {
    let file: String
    private let lines: [String]
    private let positions: [[String]: TOMLPositions.Position]

    init(file: String, text: String) {
        self.file = file
        lines = Self.lines(of: text)
        positions = TOMLPositions.scan(text)
    }

    /// Without their line ends, which TOML allows to be LF or CRLF.
    static func lines(of text: String) -> [String] {
        text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }.map { String($0) }
    }

    /// A mistake at a key; at the nearest table above it when the key does not stand in the file.
    func diagnostic(
        _ message: String, at path: [String] = [], severity: Diagnostic.Severity = .error
    ) -> Diagnostic {
        var path = path
        while !path.isEmpty, positions[path] == nil { path.removeLast() }
        guard let position = positions[path] else {
            return Diagnostic(severity: severity, file: file, line: 0, column: 0, message: message, quotedLine: "")
        }
        return diagnostic(message, line: position.line, column: position.column, severity: severity)
    }

    func diagnostic(
        _ message: String, line: Int, column: Int, severity: Diagnostic.Severity = .error
    ) -> Diagnostic {
        let quoted = lines.indices.contains(line - 1) ? lines[line - 1] : ""
        return Diagnostic(
            severity: severity, file: file, line: line, column: max(column, 1), message: message, quotedLine: quoted)
    }
}
