internal import UsherWire

/// Takes the members of a payload into typed claims: known names, right types, nothing missing that every
/// ticket has. What the values may be is `ClaimRules`' part.
struct ClaimReader {
    private var strings: [String: String] = [:]
    private var integers: [String: Int64] = [:]
    private var services: [String]?
    private var extensions = JSONObject()

    private static let stringNames: Set<String> = [
        "iss", "aud", "sub", "jti", "usr", "tgt", "rol", "own", "apr", "chg", "src", "cmd", "use", "ses",
    ]
    private static let integerNames: Set<String> = ["iat", "nbf", "exp", "max", "idl"]

    static func claims(_ payload: JSONObject, keyID: String) throws(TicketError) -> Claims {
        var reader = ClaimReader()
        for (index, member) in payload.members.enumerated() {
            try reader.take(member, number: index + 1)
        }
        return try reader.claims(keyID: keyID)
    }

    private mutating func take(_ member: JSONObject.Member, number: Int) throws(TicketError) {
        let name = String(decoding: member.name, as: UTF8.self)
        switch name {
        case "svc": services = try Self.texts(member.value, name)
        case "act": strings[name] = try Self.only("sub", of: member.value, name)
        case "cnf": strings[name] = try Self.only("ssh", of: member.value, name)
        case _ where Self.stringNames.contains(name): strings[name] = try Self.text(member.value, name)
        case _ where Self.integerNames.contains(name):
            guard case .integer(let value) = member.value else {
                throw TicketError(code: .invalidClaim, detail: "\(name) is not an integer")
            }
            integers[name] = value
        case _ where name.hasPrefix("x_"): extensions.members.append(member)
        default:
            throw TicketError(code: .unknownClaim, detail: "claim \(number)\(ClaimRules.printable(name)) is unknown")
        }
    }

    private func claims(keyID: String) throws(TicketError) -> Claims {
        var claims = Claims(
            issuer: try required("iss"), keyID: keyID, audience: try required("aud"), ticketID: try required("jti"),
            issuedAt: try requiredInteger("iat"), expiresAt: try requiredInteger("exp"), account: try required("usr"),
            subject: strings["sub"], role: strings["rol"], notBefore: integers["nbf"], target: strings["tgt"],
            maximumDuration: integers["max"], idleTimeout: integers["idl"], actor: strings["act"],
            owner: strings["own"], approval: strings["apr"], change: strings["chg"], services: services,
            command: strings["cmd"], session: strings["ses"], extensions: extensions)
        if let text = strings["use"] {
            guard let use = Use(rawValue: text) else {
                throw TicketError(code: .invalidClaim, detail: "use is none of login, stepup, breakglass")
            }
            claims.use = use
        }
        if let text = strings["src"] {
            guard let source = AddressRange(text) else {
                throw TicketError(code: .invalidClaim, detail: "src is not an address or network in canonical form")
            }
            claims.source = source
        }
        if let text = strings["cnf"] {
            guard let key = KeyFingerprint(text) else {
                throw TicketError(code: .invalidClaim, detail: "cnf.ssh is not a SHA256 fingerprint")
            }
            claims.key = key
        }
        return claims
    }

    private func required(_ name: String) throws(TicketError) -> String {
        guard let value = strings[name] else {
            throw TicketError(code: .missingClaim, detail: "\(name) is missing")
        }
        return value
    }

    private func requiredInteger(_ name: String) throws(TicketError) -> Int64 {
        guard let value = integers[name] else {
            throw TicketError(code: .missingClaim, detail: "\(name) is missing")
        }
        return value
    }

    private static func text(_ value: JSONValue, _ name: String) throws(TicketError) -> String {
        guard case .string(let bytes) = value else {
            throw TicketError(code: .invalidClaim, detail: "\(name) is not a string")
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func texts(_ value: JSONValue, _ name: String) throws(TicketError) -> [String] {
        guard case .array(let values) = value else {
            throw TicketError(code: .invalidClaim, detail: "\(name) is not an array")
        }
        var texts: [String] = []
        for value in values { texts.append(try text(value, "an element of \(name)")) }
        return texts
    }

    /// The string of an object with one member.
    private static func only(
        _ member: StaticString, of value: JSONValue, _ name: String
    ) throws(TicketError) -> String {
        guard case .object(let object) = value, object.members.count == 1, let value = object[member] else {
            throw TicketError(code: .invalidClaim, detail: "\(name) is not an object with \(member) alone")
        }
        return try text(value, "\(name).\(member)")
    }
}
