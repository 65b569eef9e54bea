internal import UsherWire

/// Reads a ticket: a JWS in compact serialization (RFC 7515 section 7.1) of which nothing may be wrong.
public enum TicketParser {
    static let algorithm = "EdDSA"
    static let type = "usher-ticket+jwt"

    /// The form, the header and every claim by itself; not the signature, not the time, not the host.
    public static func parse(_ bytes: [UInt8]) throws(TicketError) -> SignedTicket {
        guard !bytes.isEmpty else { throw TicketError(code: .empty, detail: "no ticket") }
        guard bytes.count <= Limits.ticketBytes else {
            throw TicketError(
                code: .tooLong, detail: "\(bytes.count) bytes, at most \(Limits.ticketBytes) reach every service")
        }
        let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3 else {
            throw TicketError(code: .malformed, detail: "\(parts.count) parts between dots, not 3")
        }
        // The header first: an `alg` that is not allowed is the reason, not the signature that it comes with.
        let keyID = try TicketHeader.keyID(try object(try decode(parts[0], "header"), "header"))
        let signature = try decode(parts[2], "signature")
        guard signature.count == 64 else {
            throw TicketError(code: .badEncoding, detail: "the signature has \(signature.count) bytes, not 64")
        }
        let claims = try ClaimReader.claims(try object(try decode(parts[1], "payload"), "payload"), keyID: keyID)
        try ClaimRules.check(claims)
        try checkLength(bytes.count, of: claims)
        let input = Array(bytes[..<(parts[2].startIndex - 1)])
        return SignedTicket(unverifiedClaims: claims, signingInput: input, signature: signature)
    }

    /// The limit of the shortest prompt among the services that the ticket is for.
    static func checkLength(_ count: Int, of claims: Claims) throws(TicketError) {
        let limit = lengthLimit(of: claims)
        guard count <= limit else {
            throw TicketError(code: .tooLong, detail: "\(count) bytes, sudo's prompt takes at most \(limit)")
        }
    }

    static func lengthLimit(of claims: Claims) -> Int {
        let asksInSudo = claims.effectiveServices.contains { $0 == "sudo" || $0 == "sudo-i" }
        return asksInSudo ? Limits.sudoTicketBytes : Limits.ticketBytes
    }

    private static func decode(_ part: ArraySlice<UInt8>, _ name: String) throws(TicketError) -> [UInt8] {
        guard !part.isEmpty else { throw TicketError(code: .malformed, detail: "the \(name) is empty") }
        guard let bytes = Base64URL.decode(part) else {
            throw TicketError(code: .badEncoding, detail: "the \(name) is not base64url in its one canonical form")
        }
        return bytes
    }

    private static func object(_ bytes: [UInt8], _ name: String) throws(TicketError) -> JSONObject {
        let value: JSONValue
        do {
            value = try JSONParser.parse(bytes.span)
        } catch {
            let code: TicketErrorCode = error.code == .duplicateName ? .duplicateName : .badJSON
            throw TicketError(code: code, detail: "the \(name) at byte \(error.offset): \(error.code)")
        }
        guard case .object(let object) = value else {
            throw TicketError(code: .badJSON, detail: "the \(name) is not a JSON object")
        }
        return object
    }
}

/// The protected header: `alg`, `typ`, `kid`, and nothing else (RFC 8725 sections 3.1 and 3.11).
enum TicketHeader {
    static func keyID(_ header: JSONObject) throws(TicketError) -> String {
        var values: [String: String] = [:]
        for (index, member) in header.members.enumerated() {
            let name = String(decoding: member.name, as: UTF8.self)
            if name == "crit" {
                throw TicketError(code: .criticalHeader, detail: "crit is not understood")
            }
            guard ["alg", "typ", "kid"].contains(name) else {
                throw TicketError(code: .unknownHeader, detail: "header member \(index + 1) is unknown")
            }
            guard case .string(let value) = member.value else {
                throw TicketError(code: .invalidHeader, detail: "\(name) is not a string")
            }
            values[name] = String(decoding: value, as: UTF8.self)
        }
        for name in ["alg", "typ", "kid"] where values[name] == nil {
            throw TicketError(code: .missingHeader, detail: "\(name) is missing")
        }
        guard values["alg"] == TicketParser.algorithm else {
            throw TicketError(code: .algorithmNotAllowed, detail: "alg is not \(TicketParser.algorithm)")
        }
        guard values["typ"] == TicketParser.type else {
            throw TicketError(code: .wrongType, detail: "typ is not \(TicketParser.type)")
        }
        guard let keyID = values["kid"], Base64URL.decode(Array(keyID.utf8))?.count == 8 else {
            throw TicketError(code: .invalidHeader, detail: "kid is not 8 bytes in base64url")
        }
        return keyID
    }
}
