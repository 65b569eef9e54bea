/// A Varlink call (https://varlink.org): `{"method": …, "parameters": {…}}` and a NUL byte.
/// `oneway`, `more` and `upgrade` are not part of Usher's interfaces and are refused.
public struct VarlinkCall: Equatable, Sendable {
    public var method: [UInt8]
    public var parameters: JSONObject

    public init(method: [UInt8], parameters: JSONObject) {
        self.method = method
        self.parameters = parameters
    }

    /// Reads a frame without its NUL; nil when it is not exactly a call.
    public static func parse(_ frame: Span<UInt8>) -> VarlinkCall? {
        guard case .object(let object)? = try? JSONParser.parse(frame),
            case .string(let method)? = object["method"]
        else { return nil }
        var parameters = JSONObject()
        var expected = 1
        switch object["parameters"] {
        case .object(let given)?:
            parameters = given
            expected = 2
        case nil: break
        default: return nil
        }
        guard object.members.count == expected else { return nil }
        return VarlinkCall(method: method, parameters: parameters)
    }

    /// The frame with its NUL.
    public func frame() -> [UInt8] {
        var writer = JSONWriter(sink: [UInt8]())
        writer.beginObject()
        writer.name("method")
        writer.string(method.span)
        writer.name("parameters")
        writer.value(.object(parameters))
        writer.endObject()
        return writer.sink + [0]
    }
}

/// The answer to a call: parameters, or the name of an error with its parameters.
public struct VarlinkReply: Equatable, Sendable {
    public var error: [UInt8]?
    public var parameters: JSONObject

    public init(error: [UInt8]? = nil, parameters: JSONObject = JSONObject()) {
        self.error = error
        self.parameters = parameters
    }

    /// Reads a frame without its NUL; nil when it is not exactly one answer. An empty object is none: an answer
    /// that says nothing must not pass for a consent.
    public static func parse(_ frame: Span<UInt8>) -> VarlinkReply? {
        guard case .object(let object)? = try? JSONParser.parse(frame) else { return nil }
        guard !object.members.isEmpty else { return nil }
        var reply = VarlinkReply()
        for member in object.members {
            if member.name.equals("error"), case .string(let name) = member.value {
                reply.error = name
            } else if member.name.equals("parameters"), case .object(let parameters) = member.value {
                reply.parameters = parameters
            } else {
                return nil
            }
        }
        return reply
    }

    /// The frame with its NUL.
    public func frame() -> [UInt8] {
        var writer = JSONWriter(sink: [UInt8]())
        writer.beginObject()
        if let error {
            writer.name("error")
            writer.string(error.span)
        }
        writer.name("parameters")
        writer.value(.object(parameters))
        writer.endObject()
        return writer.sink + [0]
    }
}
