internal import UsherWire

/// JSON for programs: one line, no white space, UTF-8.
enum JSONText {
    static func line(_ value: JSONValue) -> [UInt8] {
        var writer = JSONWriter(sink: [UInt8]())
        writer.value(value)
        return writer.sink + [UInt8(ascii: "\n")]
    }

    /// A text of our own making, or of the agent's, as a value.
    static func parse(_ text: String) throws -> JSONValue {
        try JSONParser.parse(Array(text.utf8).span)
    }
}

extension JSONValue {
    static func text(_ text: String) -> JSONValue {
        .string(Array(text.utf8))
    }

    static func texts(_ texts: [String]) -> JSONValue {
        .array(texts.map { .text($0) })
    }

    static func number(_ number: some BinaryInteger) -> JSONValue {
        .integer(Int64(number))
    }

    /// An object; members whose value is nil are left out.
    static func record(_ members: KeyValuePairs<String, JSONValue?>) -> JSONValue {
        .object(JSONObject(members.map { ($0.key, $0.value) }))
    }
}

extension JSONObject {
    /// Members in their order; those whose value is nil are left out.
    init(_ members: [(String, JSONValue?)]) {
        self.init(
            members: members.compactMap { name, value in
                value.map { Member(name: Array(name.utf8), value: $0) }
            })
    }
}
