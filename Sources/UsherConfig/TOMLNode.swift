/// A value of a configuration file.
indirect enum TOMLNode: Equatable, Sendable {
    case boolean(Bool)
    case integer(Int64)
    case string(String)
    case array([TOMLNode])
    case table([String: TOMLNode])

    /// What a message calls it.
    var kind: String {
        switch self {
        case .boolean: "a boolean"
        case .integer: "an integer"
        case .string: "a string"
        case .array: "a list"
        case .table: "a table"
        }
    }
}

/// Where something stands in a text: both from 1, the column in code points.
struct TextPosition: Equatable, Sendable {
    var line: Int
    var column: Int
}

/// Why a text is not what `TOMLParser` reads.
struct TOMLError: Error, Equatable {
    var message: String
    var position: TextPosition
}

/// A text taken apart: its values, and where each key, table header and list element stands. An element's path
/// ends in its number from 0.
struct TOMLDocument: Equatable, Sendable {
    var members: [String: TOMLNode] = [:]
    var positions: [[String]: TextPosition] = [:]
}
