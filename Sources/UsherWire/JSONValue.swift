/// A JSON value as Usher's protocols and tickets use it: no fractions, no exponents, strings as UTF-8 bytes.
///
/// Bytes instead of `String`: comparing Strings needs Unicode tables that an Embedded module does not have.
public indirect enum JSONValue: Equatable, Sendable {
    case null
    case boolean(Bool)
    case integer(Int64)
    case string([UInt8])
    case array([JSONValue])
    case object(JSONObject)
}

/// The members of an object in the order in which they stand; names are unique.
public struct JSONObject: Equatable, Sendable {
    public struct Member: Equatable, Sendable {
        public var name: [UInt8]
        public var value: JSONValue

        public init(name: [UInt8], value: JSONValue) {
            self.name = name
            self.value = value
        }
    }

    public var members: [Member]

    public init(members: [Member] = []) {
        self.members = members
    }

    /// The value of a member; nil when there is none of that name.
    public subscript(_ name: StaticString) -> JSONValue? {
        for member in members where member.name.equals(name) {
            return member.value
        }
        return nil
    }
}

extension [UInt8] {
    /// Byte-wise comparison with a literal.
    public func equals(_ literal: StaticString) -> Bool {
        guard count == literal.utf8CodeUnitCount else { return false }
        for index in indices {
            // In bounds: the counts are equal.
            guard unsafe self[index] == literal.utf8Start[index] else { return false }
        }
        return true
    }

    /// The bytes of a literal.
    public init(_ literal: StaticString) {
        self = []
        reserveCapacity(literal.utf8CodeUnitCount)
        for index in 0..<literal.utf8CodeUnitCount {
            // In bounds: index is below the literal's count.
            unsafe append(literal.utf8Start[index])
        }
    }
}
