public import UsherWire

/// Reads a signed revocation list: a JWS of its own `typ`, of which nothing may be wrong.
public enum RevocationListParser {
    static let type = "usher-revocations+jwt"

    /// The form, the header and every entry; not the signature, not the time, not the number of the list before.
    public static func parse(_ bytes: [UInt8]) throws(TicketError) -> SignedRevocationList {
        guard !bytes.isEmpty else { throw TicketError(code: .empty, detail: "no revocation list") }
        guard bytes.count <= RevocationList.longestBytes else {
            throw TicketError(
                code: .tooLong, detail: "\(bytes.count) bytes, at most \(RevocationList.longestBytes) are taken")
        }
        let signed = try CompactJWS(bytes, type: type)
        var members = Members(signed.payload)
        let list = RevocationList(
            issuer: try members.string("iss"), keyID: signed.keyID, issuedAt: try members.integer("iat"),
            expiresAt: try members.integer("exp"), number: try members.integer("num"),
            entries: try entries(try members.array("rev")))
        try members.finish("claim")
        try list.check()
        return SignedRevocationList(unverified: list, signed: signed)
    }

    /// The value of `rev`, also as whoever makes a list writes it down.
    public static func entries(_ values: [JSONValue]) throws(TicketError) -> [RevocationEntry] {
        // Before anything is made of them: the number of entries bounds the work.
        guard values.count <= RevocationList.mostEntries else {
            throw TicketError(
                code: .tooLong,
                detail: "rev has \(values.count) entries, at most \(RevocationList.mostEntries) are taken")
        }
        var entries: [RevocationEntry] = []
        for (index, value) in values.enumerated() {
            do throws(TicketError) {
                entries.append(try entry(value))
            } catch {
                throw TicketError(code: error.code, detail: "entry \(index + 1) of rev: \(error.detail)")
            }
        }
        return entries
    }

    private static func entry(_ value: JSONValue) throws(TicketError) -> RevocationEntry {
        guard case .object(let object) = value else {
            throw TicketError(code: .invalidClaim, detail: "not an object")
        }
        var members = Members(object)
        guard let kind = RevocationEntry.Kind(rawValue: try members.string("kind")) else {
            let kinds = RevocationEntry.Kind.allCases.map(\.rawValue).joined(separator: ", ")
            throw TicketError(code: .invalidClaim, detail: "kind is none of \(kinds)")
        }
        let value = kind == .all ? "" : try members.string("value")
        let issuer = kind == .ticket ? try members.string("issuer") : ""
        let reason = try members.string("reason")
        let expiresAt = kind == .ticket ? try members.optionalInteger("exp") : nil
        try members.finish("member")
        return try RevocationEntry(kind: kind, value: value, issuer: issuer, reason: reason, expiresAt: expiresAt)
    }
}

/// Takes the members of an object one by one; whatever is left over refuses it.
private struct Members {
    private let object: JSONObject
    private var taken: Set<String> = []

    init(_ object: JSONObject) {
        self.object = object
    }

    mutating func string(_ name: StaticString) throws(TicketError) -> String {
        guard case .string(let bytes) = try required(name) else { throw mistyped(name, "a string") }
        return String(decoding: bytes, as: UTF8.self)
    }

    mutating func integer(_ name: StaticString) throws(TicketError) -> Int64 {
        guard case .integer(let value) = try required(name) else { throw mistyped(name, "an integer") }
        return value
    }

    mutating func optionalInteger(_ name: StaticString) throws(TicketError) -> Int64? {
        guard object[name] != nil else { return nil }
        return try integer(name)
    }

    mutating func array(_ name: StaticString) throws(TicketError) -> [JSONValue] {
        guard case .array(let values) = try required(name) else { throw mistyped(name, "an array") }
        return values
    }

    func finish(_ what: String) throws(TicketError) {
        for (index, member) in object.members.enumerated() {
            let name = String(decoding: member.name, as: UTF8.self)
            guard taken.contains(name) else {
                throw TicketError(
                    code: .unknownClaim, detail: "\(what) \(index + 1)\(ClaimRules.printable(name)) is unknown")
            }
        }
    }

    private mutating func required(_ name: StaticString) throws(TicketError) -> JSONValue {
        guard let value = object[name] else {
            throw TicketError(code: .missingClaim, detail: "\(name) is missing")
        }
        taken.insert("\(name)")
        return value
    }

    private func mistyped(_ name: StaticString, _ type: String) -> TicketError {
        TicketError(code: .invalidClaim, detail: "\(name) is not \(type)")
    }
}
