/// A mistake in a file, and where it stands.
public struct Diagnostic: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Severity: String, Sendable {
        case error, warning
    }

    public var severity: Severity
    public var file: String
    /// From 1; 0 when the mistake is of the whole file.
    public var line: Int
    /// In characters, from 1.
    public var column: Int
    public var message: String
    /// The line as it stands in the file.
    public var quotedLine: String

    public init(severity: Severity, file: String, line: Int, column: Int, message: String, quotedLine: String) {
        self.severity = severity
        self.file = file
        self.line = line
        self.column = column
        self.message = message
        self.quotedLine = quotedLine
    }

    /// `file:line:column: error: message`, then the line with a mark below the column.
    public var description: String {
        guard line > 0 else { return "\(file): \(severity.rawValue): \(message)" }
        let head = "\(file):\(line):\(column): \(severity.rawValue): \(message)"
        // A tab in the margin keeps the mark below its column.
        let margin = quotedLine.prefix(column - 1).map { $0 == "\t" ? "\t" : " " }.joined()
        return "\(head)\n    \(quotedLine)\n    \(margin)^"
    }
}

/// Everything that is wrong with one file, in the order of its lines.
public struct ConfigurationError: Error, Equatable, Sendable, CustomStringConvertible {
    public var diagnostics: [Diagnostic]

    public init(diagnostics: [Diagnostic]) {
        self.diagnostics = diagnostics
    }

    public var description: String { diagnostics.map(\.description).joined(separator: "\n") }
}
