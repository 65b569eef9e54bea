internal import UsherWire

/// The members of an Ed25519 JWK (RFC 7517 section 4, RFC 8037 section 2), decoded and checked.
struct JWK {
    private(set) var x: [UInt8]
    private(set) var d: [UInt8]
    private let keyID: String?

    static func object(_ text: [UInt8]) throws(KeyError) -> JSONObject {
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONParser.parse(text.span)
        } catch {
            throw KeyError(code: .notJSON, detail: "not JSON at byte \(error.offset): \(error.code)")
        }
        guard case .object(let object) = value else {
            throw KeyError(code: .notJSON, detail: "not a JSON object")
        }
        return object
    }

    init(_ object: JSONObject, allowsPrivate: Bool) throws(KeyError) {
        var members: [String: [UInt8]] = [:]
        for (index, member) in object.members.enumerated() {
            let name = String(decoding: member.name, as: UTF8.self)
            guard ["kty", "crv", "x", "kid", "use", "alg"].contains(name) || (allowsPrivate && name == "d") else {
                let secret = name == "d" ? ": d is a private key" : ""
                throw KeyError(
                    code: .unknownMember, member: name, detail: "member \(index + 1) does not belong here\(secret)")
            }
            guard case .string(let value) = member.value else {
                throw KeyError(code: .invalidMember, member: name, detail: "\(name) is not a string")
            }
            members[name] = value
        }
        try Self.expect("OKP", for: "kty", in: members, required: true)
        try Self.expect("Ed25519", for: "crv", in: members, required: true)
        try Self.expect("sig", for: "use", in: members, required: false)
        try Self.expect("EdDSA", for: "alg", in: members, required: false)
        x = try Self.bytes("x", in: members)
        d = allowsPrivate ? try Self.bytes("d", in: members) : []
        keyID = members["kid"].map { String(decoding: $0, as: UTF8.self) }
    }

    /// A `kid` that a JWK gives must be the one that Usher derives.
    func checkKeyID(_ derived: String) throws(KeyError) {
        guard keyID == nil || keyID == derived else {
            throw KeyError(
                code: .mismatch, member: "kid", detail: "kid is not the first 8 bytes of the RFC 7638 thumbprint")
        }
    }

    mutating func wipe() {
        Secret.wipe(&d)
    }

    /// Wipes the texts of a parsed JWK. Each is taken out first: bytes that something else still holds would be
    /// copied, and the copy wiped.
    static func wipe(_ object: inout JSONObject) {
        for index in object.members.indices {
            guard case .string(var bytes) = object.members[index].value else { continue }
            object.members[index].value = .null
            Secret.wipe(&bytes)
        }
    }

    private static func expect(
        _ value: String, for name: String, in members: [String: [UInt8]], required: Bool
    ) throws(KeyError) {
        guard let given = members[name] else {
            if required { throw KeyError(code: .missingMember, detail: "\(name) is missing") }
            return
        }
        guard given == Array(value.utf8) else {
            throw KeyError(code: .invalidMember, member: name, detail: "\(name) is not \(value)")
        }
    }

    private static func bytes(_ name: String, in members: [String: [UInt8]]) throws(KeyError) -> [UInt8] {
        guard let text = members[name] else { throw KeyError(code: .missingMember, detail: "\(name) is missing") }
        guard let bytes = Base64URL.decode(text), bytes.count == 32 else {
            throw KeyError(code: .invalidMember, member: name, detail: "\(name) is not 32 bytes in base64url")
        }
        return bytes
    }
}
