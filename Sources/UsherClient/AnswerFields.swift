internal import UsherWire

/// Reads the members of an answer. A missing or mistyped member, and one that the interface does not
/// have, makes the whole answer unusable: the two programs are installed together.
struct AnswerFields {
    private let object: JSONObject
    private var known = 0

    init(_ object: JSONObject) {
        self.object = object
    }

    mutating func string(_ name: StaticString) throws(ControlError) -> String {
        guard let value = try optionalString(name) else { throw Self.missing(name) }
        return value
    }

    mutating func integer(_ name: StaticString) throws(ControlError) -> Int64 {
        guard let value = try optionalInteger(name) else { throw Self.missing(name) }
        return value
    }

    mutating func boolean(_ name: StaticString) throws(ControlError) -> Bool {
        guard case .boolean(let flag)? = try take(name) else { throw Self.mistyped(name, "a boolean") }
        return flag
    }

    /// One of the cases of an enumeration.
    mutating func choice<Choice: RawRepresentable<String>>(
        _ name: StaticString, of type: Choice.Type
    ) throws(ControlError) -> Choice {
        guard let choice = Choice(rawValue: try string(name)) else {
            throw Self.mistyped(name, "one of the values of the interface")
        }
        return choice
    }

    mutating func optionalChoice<Choice: RawRepresentable<String>>(
        _ name: StaticString, of type: Choice.Type
    ) throws(ControlError) -> Choice? {
        guard let text = try optionalString(name) else { return nil }
        guard let choice = Choice(rawValue: text) else {
            throw Self.mistyped(name, "one of the values of the interface")
        }
        return choice
    }

    mutating func strings(_ name: StaticString) throws(ControlError) -> [String] {
        var strings: [String] = []
        for value in try array(name) {
            guard case .string(let bytes) = value else { throw Self.mistyped(name, "an array of strings") }
            strings.append(String(decoding: bytes, as: UTF8.self))
        }
        return strings
    }

    mutating func objects(_ name: StaticString) throws(ControlError) -> [JSONObject] {
        var objects: [JSONObject] = []
        for value in try array(name) {
            guard case .object(let object) = value else { throw Self.mistyped(name, "an array of objects") }
            objects.append(object)
        }
        return objects
    }

    mutating func optionalObjects(_ name: StaticString) throws(ControlError) -> [JSONObject]? {
        guard let value = try take(name) else { return nil }
        guard case .array(let values) = value else { throw Self.mistyped(name, "an array of objects") }
        var objects: [JSONObject] = []
        for value in values {
            guard case .object(let object) = value else { throw Self.mistyped(name, "an array of objects") }
            objects.append(object)
        }
        return objects
    }

    mutating func object(_ name: StaticString) throws(ControlError) -> JSONObject {
        guard case .object(let object)? = try take(name) else { throw Self.mistyped(name, "an object") }
        return object
    }

    mutating func optionalObject(_ name: StaticString) throws(ControlError) -> JSONObject? {
        switch try take(name) {
        case .object(let object)?: return object
        case nil: return nil
        default: throw Self.mistyped(name, "an object")
        }
    }

    mutating func optionalString(_ name: StaticString) throws(ControlError) -> String? {
        switch try take(name) {
        case .string(let bytes)?: return String(decoding: bytes, as: UTF8.self)
        case nil: return nil
        default: throw Self.mistyped(name, "a string")
        }
    }

    mutating func optionalInteger(_ name: StaticString) throws(ControlError) -> Int64? {
        switch try take(name) {
        case .integer(let number)?: return number
        case nil: return nil
        default: throw Self.mistyped(name, "an integer")
        }
    }

    /// Call it after the last member: refuses what has not been asked for.
    func end() throws(ControlError) {
        guard known == object.members.count else {
            throw .malformed(reason: "it has members that the interface does not have")
        }
    }

    private mutating func array(_ name: StaticString) throws(ControlError) -> [JSONValue] {
        guard case .array(let values)? = try take(name) else { throw Self.mistyped(name, "an array") }
        return values
    }

    /// A member's value; nil when it is absent or null, which Varlink takes for the same.
    private mutating func take(_ name: StaticString) throws(ControlError) -> JSONValue? {
        guard let value = object[name] else { return nil }
        known += 1
        return value == .null ? nil : value
    }

    private static func missing(_ name: StaticString) -> ControlError {
        .malformed(reason: "\(name) is missing")
    }

    private static func mistyped(_ name: StaticString, _ type: String) -> ControlError {
        .malformed(reason: "\(name) is not \(type)")
    }
}
