internal import UsherWire

/// Reads a ticket: a JWS in compact serialization (RFC 7515 section 7.1) of which nothing may be wrong.
public enum TicketParser {
    static let type = "usher-ticket+jwt"

    /// The form, the header and every claim by itself; not the signature, not the time, not the host.
    public static func parse(_ bytes: [UInt8]) throws(TicketError) -> SignedTicket {
        guard !bytes.isEmpty else { throw TicketError(code: .empty, detail: "no ticket") }
        guard bytes.count <= Limits.ticketBytes else {
            throw TicketError(
                code: .tooLong, detail: "\(bytes.count) bytes, at most \(Limits.ticketBytes) reach every service")
        }
        let signed = try CompactJWS(bytes, type: type)
        let claims = try ClaimReader.claims(signed.payload, keyID: signed.keyID)
        try ClaimRules.check(claims)
        try checkLength(bytes.count, of: claims)
        return SignedTicket(
            unverifiedClaims: claims, signingInput: signed.signingInput, signature: signed.signature)
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
}
