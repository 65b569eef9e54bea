internal import UsherWire

/// A parameter that is missing, of another type, or not known.
struct ParameterError: Error {
    var name: String
}

/// Reads the parameters of a call one by one; whatever is left over refuses the call.
struct Parameters {
    private var members: [JSONObject.Member]

    init(_ object: JSONObject) {
        members = object.members
    }

    mutating func string(_ name: StaticString) throws(ParameterError) -> String {
        guard let value = try optionalString(name) else { throw ParameterError(name: "\(name)") }
        return value
    }

    mutating func optionalString(_ name: StaticString) throws(ParameterError) -> String? {
        switch take(name) {
        case .string(let bytes)?: return String(decoding: bytes, as: UTF8.self)
        case nil, .null?: return nil
        default: throw ParameterError(name: "\(name)")
        }
    }

    mutating func optionalBytes(_ name: StaticString) throws(ParameterError) -> [UInt8]? {
        switch take(name) {
        case .string(let bytes)?: return bytes
        case nil, .null?: return nil
        default: throw ParameterError(name: "\(name)")
        }
    }

    mutating func boolean(_ name: StaticString) throws(ParameterError) -> Bool {
        guard case .boolean(let flag)? = take(name) else { throw ParameterError(name: "\(name)") }
        return flag
    }

    mutating func optionalBoolean(_ name: StaticString) throws(ParameterError) -> Bool? {
        switch take(name) {
        case .boolean(let flag)?: return flag
        case nil, .null?: return nil
        default: throw ParameterError(name: "\(name)")
        }
    }

    mutating func optionalInteger(_ name: StaticString) throws(ParameterError) -> Int64? {
        switch take(name) {
        case .integer(let number)?: return number
        case nil, .null?: return nil
        default: throw ParameterError(name: "\(name)")
        }
    }

    mutating func optionalStrings(_ name: StaticString) throws(ParameterError) -> [String]? {
        switch take(name) {
        case .array(let values)?:
            var strings: [String] = []
            for value in values {
                guard case .string(let bytes) = value else { throw ParameterError(name: "\(name)") }
                strings.append(String(decoding: bytes, as: UTF8.self))
            }
            return strings
        case nil, .null?: return nil
        default: throw ParameterError(name: "\(name)")
        }
    }

    /// An administrator's words for the record: one line of 1 to 200 bytes.
    mutating func reason() throws(ParameterError) -> String {
        let reason = try string("reason")
        guard (1...200).contains(reason.utf8.count), reason.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw ParameterError(name: "reason")
        }
        return reason
    }

    mutating func object(_ name: StaticString) throws(ParameterError) -> Parameters {
        guard case .object(let object)? = take(name) else { throw ParameterError(name: "\(name)") }
        return Parameters(object)
    }

    func finish() throws(ParameterError) {
        if let left = members.first { throw ParameterError(name: String(decoding: left.name, as: UTF8.self)) }
    }

    private mutating func take(_ name: StaticString) -> JSONValue? {
        guard let index = members.firstIndex(where: { $0.name.equals(name) }) else { return nil }
        return members.remove(at: index).value
    }
}

extension JSONObject {
    /// An object from names and values; members without a value are left out.
    init(_ members: KeyValuePairs<StaticString, JSONValue?>) {
        self.init(
            members: members.compactMap { name, value in
                value.map { Member(name: [UInt8](name), value: $0) }
            })
    }
}

extension JSONValue {
    static func text(_ text: String) -> JSONValue { .string(Array(text.utf8)) }
    static func text(_ text: String?) -> JSONValue? { text.map { .string(Array($0.utf8)) } }
    static func number(_ number: some BinaryInteger) -> JSONValue { .integer(Int64(number)) }
    static func number(_ number: Int64?) -> JSONValue? { number.map { .integer($0) } }
}

extension VarlinkReply {
    static func ok(_ members: KeyValuePairs<StaticString, JSONValue?> = [:]) -> VarlinkReply {
        VarlinkReply(parameters: JSONObject(members))
    }

    static func failure(_ name: StaticString, _ members: KeyValuePairs<StaticString, JSONValue?> = [:]) -> VarlinkReply
    {
        VarlinkReply(error: [UInt8](name), parameters: JSONObject(members))
    }

    static func methodNotFound(_ call: VarlinkCall) -> VarlinkReply {
        failure("org.varlink.service.MethodNotFound", ["method": .string(call.method)])
    }

    static func invalidParameter(_ error: ParameterError) -> VarlinkReply {
        failure("org.varlink.service.InvalidParameter", ["parameter": .text(error.name)])
    }
}
