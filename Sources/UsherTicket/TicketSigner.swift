internal import UsherWire

/// Makes tickets. Refuses whatever `TicketParser` would refuse.
public enum TicketSigner {
    /// A ticket id from the generator's next 128 bits.
    public static func ticketID(using generator: inout some RandomNumberGenerator) -> String {
        Base64URL.encode((0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
    }

    /// The compact serialization. Throws what is wrong with the claims; where the ticket would not get through
    /// the prompts of its services, the error names the longest claims.
    public static func sign(_ claims: Claims, with key: PrivateKey) throws(TicketError) -> String {
        guard claims.keyID == key.publicKey.keyID else {
            throw TicketError(code: .keyMismatch, detail: "kid is not that of the signing key")
        }
        try ClaimRules.check(claims)
        let members = JSONObject(members: ClaimWriter.members(claims))
        let ticket = try CompactJWS.sign(members, type: TicketParser.type, with: key)
        let limit = TicketParser.lengthLimit(of: claims)
        guard ticket.utf8.count <= limit else {
            let longest = longestClaims(claims).joined(separator: ", ")
            throw TicketError(
                code: .tooLong, detail: "\(ticket.utf8.count) bytes, at most \(limit): shorten \(longest)")
        }
        // The parser has the last word, so that nothing is signed that no host would read.
        guard try TicketParser.parse(Array(ticket.utf8)).unverifiedClaims == claims else {
            throw TicketError(code: .invalidClaim, detail: "the claims do not survive their own encoding")
        }
        return ticket
    }

    /// The three longest claims that a requester can shorten, with their bytes in the ticket.
    private static func longestClaims(_ claims: Claims) -> [String] {
        let fixed: Set<String> = ["aud", "jti", "iat", "nbf", "exp", "use", "ses"]
        let sizes = ClaimWriter.members(claims).compactMap { member -> (name: String, size: Int)? in
            let name = String(decoding: member.name, as: UTF8.self)
            guard !fixed.contains(name) else { return nil }
            var writer = JSONWriter(sink: [UInt8]())
            writer.value(.object(JSONObject(members: [member])))
            return (name, writer.sink.count * 4 / 3)
        }
        let longest = sizes.sorted { ($1.size, $0.name) < ($0.size, $1.name) }.prefix(3)
        return longest.map { "\($0.name) (\($0.size) bytes)" }
    }
}

/// Claims as members, in the order of the design's table; what is absent is left out.
enum ClaimWriter {
    static func members(_ claims: Claims) -> [JSONObject.Member] {
        let values: [(StaticString, JSONValue?)] = [
            ("iss", text(claims.issuer)), ("aud", text(claims.audience)), ("sub", text(claims.subject)),
            ("jti", text(claims.ticketID)), ("iat", .integer(claims.issuedAt)),
            ("nbf", claims.notBefore.map { .integer($0) }), ("exp", .integer(claims.expiresAt)),
            ("usr", text(claims.account)), ("tgt", text(claims.target)), ("rol", text(claims.role)),
            ("max", claims.maximumDuration.map { .integer($0) }), ("idl", claims.idleTimeout.map { .integer($0) }),
            ("act", claims.actor.map { object("sub", $0) }), ("own", text(claims.owner)),
            ("apr", text(claims.approval)), ("chg", text(claims.change)),
            ("svc", claims.services.map { .array($0.map { .string(Array($0.utf8)) }) }),
            ("src", text(claims.source?.description)), ("cnf", claims.key.map { object("ssh", $0.description) }),
            ("cmd", text(claims.command)), ("use", claims.use == .login ? nil : text(claims.use.rawValue)),
            ("ses", text(claims.session)),
        ]
        let known = values.compactMap { name, value in value.map { JSONObject.Member(name: [UInt8](name), value: $0) } }
        return known + claims.extensions.members
    }

    private static func text(_ value: String?) -> JSONValue? {
        value.map { .string(Array($0.utf8)) }
    }

    private static func object(_ name: StaticString, _ value: String) -> JSONValue {
        .object(JSONObject(members: [JSONObject.Member(name: [UInt8](name), value: .string(Array(value.utf8)))]))
    }
}
