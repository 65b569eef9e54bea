internal import UsherEvidence
internal import UsherStore
internal import UsherWire

/// The life of a session: OCSF Authorize Session, Account Change and Authentication.
extension EvidenceRecord {
    /// Which warning a session's terminals were shown.
    enum Limit: String {
        case deadline, idle
    }

    /// Who got which rights, why, and for how long.
    static func opened(_ session: Session) -> EvidenceRecord {
        let admission = session.admission
        return EvidenceRecord(
            milliseconds: now(), category: .authorizeSession, activity: 1,
            message:
                "Session opened: \(admission.ticket.subject) as \(admission.account), role \(admission.ticket.role)",
            session: session.id, attribution: .agent, kind: "opened",
            attributes: JSONObject([
                "status_id": .integer(1), "user": user(admission), "actor": actor(admission),
                "privileges": .array([.text(admission.ticket.role)] + admission.groups.map { .text($0) }),
                "session": sessionObject(session), "src_endpoint": endpoint(admission.remoteHost),
            ]),
            details: facts(
                admission,
                [
                    "service": .text(admission.service), "terminal": .text(admission.terminal),
                    "remote_host": .text(admission.remoteHost),
                    "groups": .array(admission.groups.map { .text($0) }), "shell": .text(admission.shell),
                    "max_duration": .integer(admission.maxDuration), "idle_limit": .number(admission.idleLimit),
                    "idle_counts": .text(admission.idleCounts.rawValue), "ends_at": .integer(session.endsAt),
                    "leader": .number(session.leader.pid), "audit_session": .number(session.auditSession),
                    "loginuid": .number(session.loginUID), "boot": .text(admission.bootID),
                ]))
    }

    /// The account that was made for the session.
    static func accountMade(_ session: Session) -> EvidenceRecord {
        account(session, activity: 1, kind: "account_made", message: "Account \(session.admission.account) made")
    }

    static func accountRemoved(_ session: Session) -> EvidenceRecord {
        account(session, activity: 6, kind: "account_removed", message: "Account \(session.admission.account) removed")
    }

    /// The operator's process is in the session's control group.
    static func entered(_ session: Session, pid: Int32) -> EvidenceRecord {
        of(session, activity: 99, kind: "entered", "The operator's process entered", ["pid": .number(pid)])
    }

    static func warned(_ session: Session, _ limit: Limit, seconds: Int64) -> EvidenceRecord {
        of(
            session, activity: 99, kind: "warned", "Warned of its end in \(seconds) s (\(limit.rawValue))",
            ["limit": .text(limit.rawValue), "seconds": .integer(seconds)])
    }

    static func extended(_ session: Session, _ addition: SessionExtension) -> EvidenceRecord {
        of(
            session, activity: 99, kind: "extended",
            "Extended by \(addition.seconds) s by \(addition.by): \(addition.reason)",
            [
                "seconds": .integer(addition.seconds), "by": .text(addition.by), "reason": .text(addition.reason),
                "ends_at": .integer(addition.endsAt),
            ])
    }

    /// A restarted agent goes on with it.
    static func adopted(_ session: Session) -> EvidenceRecord {
        of(session, activity: 99, kind: "adopted", "Adopted by a restarted agent", [:])
    }

    /// The end begins.
    static func ended(_ session: Session, _ cause: EndCause) -> EvidenceRecord {
        EvidenceRecord(
            milliseconds: now(), category: .authentication, activity: 2, severity: severity(of: cause),
            message: "Session ends: \(cause.reason), by \(cause.by)", session: session.id, attribution: .agent,
            kind: "ended",
            attributes: JSONObject([
                "status_id": .integer(1), "user": user(session.admission), "actor": actor(session.admission),
                "session": sessionObject(session),
            ]),
            details: facts(
                session.admission,
                ["cause": .text(cause.kind.rawValue), "reason": .text(cause.reason), "by": .text(cause.by)]))
    }

    /// Nothing of it is left but what the receipt names.
    ///
    /// - Parameters:
    ///   - receipt: SHA-256 of the signed receipt's text.
    ///   - left: how many things had to stay.
    static func closed(_ session: Session, receipt: LineHash, left: Int64) -> EvidenceRecord {
        var record = of(
            session, activity: 99, kind: "closed",
            left == 0 ? "Session closed, nothing is left" : "Session closed, \(left) things are left",
            ["receipt_sha256": .string(receipt.digits), "left": .integer(left)])
        if left > 0 { record.severity = .medium }
        return record
    }

    private static func of(
        _ session: Session, activity: Int, kind: String, _ message: String,
        _ more: KeyValuePairs<StaticString, JSONValue?>
    ) -> EvidenceRecord {
        EvidenceRecord(
            milliseconds: now(), category: .authorizeSession, activity: activity, message: message,
            session: session.id, attribution: .agent, kind: kind,
            attributes: JSONObject(["user": user(session.admission), "actor": actor(session.admission)]),
            details: facts(session.admission, more))
    }

    private static func account(_ session: Session, activity: Int, kind: String, message: String) -> EvidenceRecord {
        EvidenceRecord(
            milliseconds: now(), category: .accountChange, activity: activity, message: message, session: session.id,
            attribution: .agent, kind: kind,
            attributes: JSONObject(["user": user(session.admission), "actor": actor(session.admission)]),
            details: facts(session.admission))
    }

    private static func sessionObject(_ session: Session) -> JSONValue {
        .object(
            JSONObject([
                "uid": .text(session.id), "created_time": .integer(session.openedAt * 1000),
                "expiration_time": .integer(session.endsAt * 1000),
                "is_remote": .boolean(session.admission.remoteHost != nil),
                "terminal": .text(session.admission.terminal),
            ]))
    }

    private static func severity(of cause: EndCause) -> Severity {
        switch cause.kind {
        case .detected: .high
        case .revoked, .operatorAsked: .medium
        case .leaderDied, .tagNotWritten, .notEntered, .hostRestarted, .agentRestartedWhileOpening: .low
        case .closed, .deadline, .idle, .hostShutdown: .informational
        }
    }
}
