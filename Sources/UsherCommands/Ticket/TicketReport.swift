internal import UsherClient
internal import UsherTicket
internal import UsherWire

/// What a ticket says and what the host says to it.
struct TicketReport {
    /// Nil when the bytes are no ticket. Nobody may have signed them: the judgement says.
    let claims: Claims?
    let judgement: Judgement

    func record(_ clock: Clock) -> Record {
        var record = Record()
        if let claims { Self.add(claims, to: &record, clock) }
        switch judgement.verdict {
        case .admissible:
            record.add("verdict", "this host would admit it now", tone: .good)
        case .refused(let code, let reason):
            record.add("verdict", "this host would refuse it", tone: .bad)
            record.add("code", code)
            record.add("reason", reason)
        }
        record.add("judged by", judgement.by.rawValue)
        return record
    }

    private static func add(_ claims: Claims, to record: inout Record, _ clock: Clock) {
        record.add("issuer", claims.issuer)
        record.add("key", claims.keyID)
        record.add("host", claims.audience)
        record.add("ticket", claims.ticketID)
        record.add("use", claims.use.rawValue)
        record.add("subject", claims.subject)
        record.add("actor", claims.actor)
        record.add("owner", claims.owner)
        record.add("account", claims.account)
        record.add("target", claims.target)
        record.add("role", claims.role)
        record.add("approval", claims.approval)
        record.add("change", claims.change)
        record.add("services", claims.effectiveServices.joined(separator: " "))
        record.add("from", claims.source?.description)
        record.add("ssh key", claims.key?.description)
        record.add("command", claims.command)
        record.add("session", claims.session)
        record.add("longest session", claims.maximumDuration.map(SessionReport.length))
        record.add("idle limit", claims.idleTimeout.map(SessionReport.length))
        record.add("issued", Moment(claims.issuedAt).cell(clock))
        record.add("not before", claims.notBefore.map { Moment($0).cell(clock) })
        record.add("redeem before", Moment(claims.expiresAt).cell(clock))
        for member in claims.extensions.members {
            let value = String(decoding: JSONText.line(member.value).dropLast(), as: UTF8.self)
            record.add(String(decoding: member.name, as: UTF8.self), value)
        }
    }

    /// The claims under the names that they have in the ticket.
    var json: JSONValue {
        var members: [(String, JSONValue?)] = [("claims", claims.map(Self.json))]
        switch judgement.verdict {
        case .admissible: members.append(("admissible", .boolean(true)))
        case .refused(let code, let reason):
            members += [("admissible", .boolean(false)), ("code", .text(code)), ("reason", .text(reason))]
        }
        members.append(("judge", .text(judgement.by.rawValue)))
        return .object(JSONObject(members))
    }

    private static func json(_ claims: Claims) -> JSONValue {
        let known: [(String, JSONValue?)] = [
            ("iss", .text(claims.issuer)), ("kid", .text(claims.keyID)), ("aud", .text(claims.audience)),
            ("sub", claims.subject.map { .text($0) }), ("jti", .text(claims.ticketID)),
            ("iat", .integer(claims.issuedAt)), ("nbf", claims.notBefore.map { .integer($0) }),
            ("exp", .integer(claims.expiresAt)), ("usr", .text(claims.account)),
            ("tgt", claims.target.map { .text($0) }), ("rol", claims.role.map { .text($0) }),
            ("max", claims.maximumDuration.map { .integer($0) }), ("idl", claims.idleTimeout.map { .integer($0) }),
            ("act", claims.actor.map { .text($0) }), ("own", claims.owner.map { .text($0) }),
            ("apr", claims.approval.map { .text($0) }), ("chg", claims.change.map { .text($0) }),
            ("svc", .texts(claims.effectiveServices)), ("src", claims.source.map { .text($0.description) }),
            ("cnf", claims.key.map { .text($0.description) }), ("cmd", claims.command.map { .text($0) }),
            ("use", .text(claims.use.rawValue)), ("ses", claims.session.map { .text($0) }),
        ]
        var object = JSONObject(known)
        object.members += claims.extensions.members
        return .object(object)
    }
}
