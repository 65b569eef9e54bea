import Foundation
import Testing
import UsherConfig

enum Project {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }
}

/// The diagnostics of a text that is wrong; none when it is right.
func mistakes<Value>(_ parse: () throws(ConfigurationError) -> Value) -> [Diagnostic] {
    do throws(ConfigurationError) {
        _ = try parse()
        return []
    } catch {
        return error.diagnostics
    }
}

/// `line:column: message` of each.
func places(_ diagnostics: [Diagnostic]) -> [String] {
    diagnostics.map { "\($0.line):\($0.column): \($0.message)" }
}
