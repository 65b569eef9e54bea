/// A file's text, and where its keys stand in it.
struct SourceText: Equatable, Sendable {
    let file: String
    private let lines: [String]
    private var positions: [[String]: TextPosition] = [:]

    init(file: String, text: String) {
        self.file = file
        // TOML's line ends are LF and CRLF, each one Character.
        lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }.map { String($0) }
    }

    /// Parses the text; a mistake comes back as a diagnostic.
    static func parse(file: String, text: String) throws(ConfigurationError) -> (SourceText, [String: TOMLNode]) {
        var source = SourceText(file: file, text: text)
        do throws(TOMLError) {
            let document = try TOMLParser.parse(text)
            source.positions = document.positions
            return (source, document.members)
        } catch {
            throw ConfigurationError(diagnostics: [source.diagnostic(error.message, error.position, .error)])
        }
    }

    /// A mistake at a path; at the nearest table above where the path does not stand in the file.
    func diagnostic(
        _ message: String, at path: [String] = [], severity: Diagnostic.Severity = .error
    ) -> Diagnostic {
        var path = path
        while !path.isEmpty, positions[path] == nil { path.removeLast() }
        guard let position = positions[path] else {
            return Diagnostic(severity: severity, file: file, line: 0, column: 0, message: message, quotedLine: "")
        }
        return diagnostic(message, position, severity)
    }

    private func diagnostic(
        _ message: String, _ position: TextPosition, _ severity: Diagnostic.Severity
    ) -> Diagnostic {
        let quoted = lines.indices.contains(position.line - 1) ? lines[position.line - 1] : ""
        return Diagnostic(
            severity: severity, file: file, line: position.line, column: position.column, message: message,
            quotedLine: quoted)
    }
}
