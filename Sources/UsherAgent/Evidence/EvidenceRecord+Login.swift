internal import UsherEvidence
internal import UsherStore
internal import UsherSystem
internal import UsherWire

/// Tickets that came: OCSF Authentication.
extension EvidenceRecord {
    /// - Parameter phase: of PAM, in which the login was refused.
    static func refused(_ refusal: RefusalRecord, phase: String) -> EvidenceRecord {
        EvidenceRecord(
            milliseconds: refusal.at * 1000, category: .authentication, activity: 1, severity: .medium,
            message: "Ticket refused (ref \(refusal.reference)) for account \(refusal.account): \(refusal.reason)",
            attribution: .agent, kind: "refused",
            attributes: JSONObject([
                "status_id": .integer(2), "status_code": .text(refusal.code), "status_detail": .text(refusal.reason),
                "user": .object(JSONObject(["name": .text(refusal.account)])),
                "service": .object(JSONObject(["name": .text(refusal.service)])),
                "src_endpoint": endpoint(refusal.remoteHost),
            ]),
            details: JSONObject([
                "reference": .text(refusal.reference), "phase": .text(phase), "account": .text(refusal.account),
                "subject": .text(refusal.subject), "ticket": .text(refusal.ticketID), "issuer": .text(refusal.issuer),
            ]))
    }

    /// The ticket is burned; a session may follow.
    static func admitted(_ admission: Admission) -> EvidenceRecord {
        EvidenceRecord(
            milliseconds: admission.admittedAt * 1000, category: .authentication, activity: 1,
            message:
                "Ticket accepted: \(admission.ticket.subject) as \(admission.account), role \(admission.ticket.role)",
            attribution: .agent, kind: "admitted",
            attributes: JSONObject([
                "status_id": .integer(1), "user": user(admission), "actor": actor(admission),
                "service": .object(JSONObject(["name": .text(admission.service)])),
                "src_endpoint": endpoint(admission.remoteHost),
            ]),
            details: facts(admission, ["pid": .number(admission.login.pid), "service": .text(admission.service)]))
    }

    /// No session came of it.
    static func lapsed(_ admission: Admission, reason: String) -> EvidenceRecord {
        EvidenceRecord(
            milliseconds: now(), category: .authentication, activity: 99, severity: .low,
            message: "Admission of \(admission.ticket.subject) as \(admission.account) lapsed: \(reason)",
            attribution: .agent, kind: "lapsed",
            attributes: JSONObject([
                "status_id": .integer(2), "status_detail": .text(reason), "user": user(admission),
                "actor": actor(admission),
            ]), details: facts(admission, ["reason": .text(reason)]))
    }

    static func now() -> Int64 { SystemClock.realtimeNanoseconds() / 1_000_000 }

    static func user(_ admission: Admission) -> JSONValue {
        .object(JSONObject(["name": .text(admission.account), "uid": .text("\(admission.uid)")]))
    }

    /// Whom the ticket speaks of.
    static func actor(_ admission: Admission) -> JSONValue {
        .object(JSONObject(["user": .object(JSONObject(["name": .text(admission.ticket.subject)]))]))
    }

    static func endpoint(_ address: String?) -> JSONValue? {
        address.map { .object(JSONObject(["ip": .text($0)])) }
    }

    /// Identity, ticket, approval and role, which stand with everything that a session did.
    static func facts(_ admission: Admission, _ more: KeyValuePairs<StaticString, JSONValue?> = [:]) -> JSONObject {
        let ticket = admission.ticket
        let own = JSONObject([
            "account": .text(admission.account), "account_kind": .text(admission.kind.rawValue),
            "uid": .number(admission.uid), "subject": .text(ticket.subject), "actor": .text(ticket.actor),
            "owner": .text(ticket.owner), "role": .text(ticket.role), "approval": .text(ticket.approval),
            "change": .text(ticket.change), "ticket": .text(ticket.ticketID), "issuer": .text(ticket.issuer),
            "key": .text(ticket.keyID),
        ])
        return JSONObject(members: own.members + JSONObject(more).members)
    }
}
