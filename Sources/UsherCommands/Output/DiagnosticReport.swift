internal import UsherConfig
internal import UsherWire

/// Mistakes in files, as a compiler tells of them.
enum DiagnosticReport {
    /// On standard error, one after the other, each with the line it speaks of.
    static func show(_ diagnostics: [Diagnostic], _ console: Console) {
        for diagnostic in diagnostics {
            let lines = diagnostic.description.split(separator: "\n", omittingEmptySubsequences: false)
            console.notify(lines.map { Printable.line(String($0)) }.joined(separator: "\n") + "\n")
        }
    }

    static func json(_ diagnostics: [Diagnostic]) -> JSONValue {
        .array(
            diagnostics.map { one in
                .record([
                    "severity": .text(one.severity.rawValue), "file": .text(one.file), "line": .number(one.line),
                    "column": .number(one.column), "message": .text(one.message),
                ])
            })
    }

    /// A mistake of a whole file.
    static func error(_ file: String, _ message: String) -> Diagnostic {
        Diagnostic(severity: .error, file: file, line: 0, column: 0, message: message, quotedLine: "")
    }
}
