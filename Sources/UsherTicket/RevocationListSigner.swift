internal import UsherWire

/// Makes revocation lists. Refuses whatever `RevocationListParser` would refuse.
public enum RevocationListSigner {
    /// The compact serialization. Throws what is wrong with the list.
    public static func sign(_ list: RevocationList, with key: PrivateKey) throws(TicketError) -> String {
        guard list.keyID == key.publicKey.keyID else {
            throw TicketError(code: .keyMismatch, detail: "kid is not that of the signing key")
        }
        try list.check()
        let payload = JSONObject([
            ("iss", text(list.issuer)), ("iat", .integer(list.issuedAt)), ("exp", .integer(list.expiresAt)),
            ("num", .integer(list.number)), ("rev", .array(list.entries.map { .object(object($0)) })),
        ])
        let signed = try CompactJWS.sign(payload, type: RevocationListParser.type, with: key)
        // The parser has the last word, so that nothing is signed that no host would read.
        guard try RevocationListParser.parse(Array(signed.utf8)).unverified == list else {
            throw TicketError(code: .invalidClaim, detail: "the list does not survive its own encoding")
        }
        return signed
    }

    private static func object(_ entry: RevocationEntry) -> JSONObject {
        JSONObject([
            ("kind", text(entry.kind.rawValue)), ("value", entry.kind == .all ? nil : text(entry.value)),
            ("issuer", entry.kind == .ticket ? text(entry.issuer) : nil), ("reason", text(entry.reason)),
            ("exp", entry.expiresAt.map { .integer($0) }),
        ])
    }

    private static func text(_ value: String) -> JSONValue { .string(Array(value.utf8)) }
}

extension JSONObject {
    /// Members in their order; those without a value are left out.
    fileprivate init(_ members: [(StaticString, JSONValue?)]) {
        self.init(
            members: members.compactMap { name, value in value.map { Member(name: [UInt8](name), value: $0) } })
    }
}
