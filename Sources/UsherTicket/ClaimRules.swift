internal import UsherWire

/// What each claim may hold. Values that reach an audit record are letters, digits and a few marks, so that
/// they stand there unencoded and cannot be taken for another field: libaudit does not encode `'`, and a
/// blank or `=` would begin a new field.
public enum ClaimRules {
    /// Seconds between `iat` and `exp`.
    public static let longestLifetime: Int64 = 900
    /// Seconds: a week.
    public static let longestSession: Int64 = 604_800
    /// 9999-12-31T23:59:59Z: later numbers are milliseconds or mistakes.
    static let latestTime: Int64 = 253_402_300_799
    /// Services that open a session as another account than the invoker's.
    static let targetServices: Set<String> = ["su", "su-l", "sudo", "sudo-i"]
    static let subjectKinds = ["human", "agent", "service"]

    /// Refuses claims that no ticket may carry, whoever signed them.
    public static func check(_ claims: Claims) throws(TicketError) {
        try checkTexts(claims)
        try checkSubjects(claims)
        try checkTimes(claims)
        try checkLengths(claims)
        try checkServices(claims)
        try checkUse(claims)
        try checkExtensions(claims)
    }

    private static func checkTexts(_ claims: Claims) throws(TicketError) {
        try TextRule.issuer.check(claims.issuer, "iss")
        try TextRule.hostID.check(claims.audience, "aud")
        guard Base64URL.decode(Array(claims.ticketID.utf8))?.count == 16 else {
            throw TicketError(code: .invalidClaim, detail: "jti is not 128 bits in base64url")
        }
        guard Base64URL.decode(Array(claims.keyID.utf8))?.count == 8 else {
            throw TicketError(code: .invalidHeader, detail: "kid is not 8 bytes in base64url")
        }
        try TextRule.account.check(claims.account, "usr")
        try TextRule.account.check(claims.target, "tgt")
        try TextRule.name.check(claims.role, "rol")
        try TextRule.reference.check(claims.approval, "apr")
        try TextRule.reference.check(claims.change, "chg")
        try TextRule.sessionID.check(claims.session, "ses")
        try TextRule.command.check(claims.command, "cmd")
    }

    private static func checkSubjects(_ claims: Claims) throws(TicketError) {
        try checkSubject(claims.subject, "sub", kinds: subjectKinds)
        try checkSubject(claims.actor, "act.sub", kinds: subjectKinds)
        try checkSubject(claims.owner, "own", kinds: ["human"])
        if let subject = claims.subject, !subject.hasPrefix("human:"), claims.owner == nil {
            throw TicketError(code: .missingClaim, detail: "own is missing: the subject is no person")
        }
    }

    static func checkSubject(_ value: String?, _ claim: String, kinds: [String]) throws(TicketError) {
        guard let value else { return }
        guard let kind = kinds.first(where: { value.hasPrefix($0 + ":") }) else {
            let forms = kinds.map { $0 + ":" }.joined(separator: ", ")
            throw TicketError(code: .invalidClaim, detail: "\(claim) does not begin with \(forms)")
        }
        try TextRule.subject.check(String(value.dropFirst(kind.utf8.count + 1)), claim)
    }

    private static func checkTimes(_ claims: Claims) throws(TicketError) {
        for (time, claim) in [(claims.issuedAt, "iat"), (claims.expiresAt, "exp")] {
            guard time >= 0, time <= latestTime else {
                throw TicketError(code: .invalidTimes, detail: "\(claim) is not a time in seconds")
            }
        }
        guard claims.expiresAt > claims.issuedAt else {
            throw TicketError(code: .invalidTimes, detail: "exp is not after iat")
        }
        guard claims.expiresAt - claims.issuedAt <= longestLifetime else {
            throw TicketError(code: .lifetimeTooLong, detail: "exp is more than \(longestLifetime) s after iat")
        }
        if let notBefore = claims.notBefore {
            guard notBefore >= claims.issuedAt, notBefore < claims.expiresAt else {
                throw TicketError(code: .invalidTimes, detail: "nbf is not between iat and exp")
            }
        }
    }

    private static func checkLengths(_ claims: Claims) throws(TicketError) {
        for (length, claim) in [(claims.maximumDuration, "max"), (claims.idleTimeout, "idl")] {
            guard let length else { continue }
            guard length >= 1, length <= longestSession else {
                throw TicketError(code: .invalidClaim, detail: "\(claim) is not 1 to \(longestSession) seconds")
            }
        }
    }

    private static func checkServices(_ claims: Claims) throws(TicketError) {
        if let services = claims.services {
            guard (1...8).contains(services.count), Set(services).count == services.count else {
                throw TicketError(code: .invalidClaim, detail: "svc is not one to eight different services")
            }
            for service in services { try TextRule.service.check(service, "svc") }
        }
        let hasTarget = !targetServices.isDisjoint(with: claims.effectiveServices)
        guard hasTarget == (claims.target != nil) else {
            throw hasTarget
                ? TicketError(code: .missingClaim, detail: "tgt is missing: svc names su or sudo")
                : TicketError(code: .claimNotAllowed, detail: "tgt is for su and sudo alone")
        }
    }

    private static func checkUse(_ claims: Claims) throws(TicketError) {
        let use = claims.use.rawValue
        if claims.use == .stepup {
            guard claims.session != nil else {
                throw TicketError(code: .missingClaim, detail: "ses is missing: use is \(use)")
            }
            return
        }
        guard claims.session == nil else {
            throw TicketError(code: .claimNotAllowed, detail: "ses is for use stepup alone")
        }
        for (value, claim) in [(claims.subject, "sub"), (claims.role, "rol")] where value == nil {
            throw TicketError(code: .missingClaim, detail: "\(claim) is missing: use is \(use)")
        }
    }

    private static func checkExtensions(_ claims: Claims) throws(TicketError) {
        for member in claims.extensions.members {
            let name = String(decoding: member.name, as: UTF8.self)
            guard name.hasPrefix("x_") else {
                throw TicketError(code: .unknownClaim, detail: "an extension's name does not begin with x_")
            }
            try TextRule.extensionName.check(String(name.dropFirst(2)), "the name of an x_ claim")
        }
    }

    /// A name for a message: nothing when it could be mistaken for something else there.
    static func printable(_ name: String) -> String {
        (try? TextRule.extensionName.check(name, "")) == nil ? "" : " (\(name))"
    }
}
