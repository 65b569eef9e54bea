internal import TOMLKit

/// A TOML value without TOMLKit's pointers.
indirect enum TOMLNode: Equatable {
    case boolean(Bool)
    case integer(Int64)
    case string(String)
    case array([TOMLNode])
    case table([String: TOMLNode])
    /// A type that no key of Usher's has, by its name.
    case other(String)

    /// What a message calls it.
    var kind: String {
        switch self {
        case .boolean: "a boolean"
        case .integer: "an integer"
        case .string: "a string"
        case .array: "an array"
        case .table: "a table"
        case .other(let name): "a \(name)"
        }
    }

    /// The root table of a text.
    static func parse(_ text: String, in source: SourceText) throws(ConfigurationError) -> [String: TOMLNode] {
        try refuseNUL(text, in: source)
        do {
            return members(of: try TOMLTable(string: text))
        } catch let error as TOMLParseError {
            let message = error.description.split(separator: "\n").joined(separator: " ")
            let begin = error.source.begin
            throw ConfigurationError(
                diagnostics: [source.diagnostic(message, line: begin.line, column: begin.column)])
        } catch {
            throw ConfigurationError(diagnostics: [source.diagnostic("not TOML")])
        }
    }

    /// TOMLKit hands text and strings over NUL-terminated: what stands behind a NUL would silently be left out.
    private static func refuseNUL(_ text: String, in source: SourceText) throws(ConfigurationError) {
        for (index, line) in SourceText.lines(of: text).enumerated() {
            let hasNUL = line.unicodeScalars.contains("\0")
            guard hasNUL || line.contains("\\u0000") || line.contains("\\U00000000") else { continue }
            throw ConfigurationError(
                diagnostics: [source.diagnostic("NUL has no place in a configuration", line: index + 1, column: 1)])
        }
    }

    private static func members(of table: TOMLTable) -> [String: TOMLNode] {
        var members: [String: TOMLNode] = [:]
        for (key, value) in table { members[key] = node(value) }
        return members
    }

    private static func node(_ value: any TOMLValueConvertible) -> TOMLNode {
        switch value.type {
        case .bool: value.bool.map { .boolean($0) } ?? .other("boolean")
        case .int: value.int.map { .integer(Int64($0)) } ?? .other("integer")
        case .string: value.string.map { .string($0) } ?? .other("string")
        case .array: .array(value.array.map { $0.map { node($0) } } ?? [])
        case .table: .table(value.table.map { members(of: $0) } ?? [:])
        default: .other(value.type.description)
        }
    }
}
