internal import UsherPolicy
internal import UsherStore

/// The texts that a session carries into the audit stream and onto the operator's terminal. Every value comes from
/// a verified ticket, whose rules leave no blank, quotation mark or control character in it.
enum SessionTexts {
    /// The tag that the leader writes, so that the kernel stamps it with the session's `auid` and `ses`.
    static func tag(_ session: Session) -> String {
        let admission = session.admission
        return fields([
            ("op", "usher-session-begin"), ("session", session.id), ("ticket", admission.ticket.ticketID),
            ("issuer", admission.ticket.issuer), ("subject", admission.ticket.subject),
            ("actor", admission.ticket.actor), ("owner", admission.ticket.owner), ("role", admission.ticket.role),
            ("approval", admission.ticket.approval), ("change", admission.ticket.change),
            ("account", admission.account),
        ])
    }

    /// The agent's own record when the account begins to be usable. `acct` and `id` are the field names of
    /// audit's dictionary for a name and a uid.
    static func accountBegin(_ session: Session) -> String {
        account("usher-account-begin", session, [])
    }

    /// The agent's own record when an administrator moves the end of a session.
    static func extended(_ session: Session, _ extension: SessionExtension) -> String {
        fields([
            ("op", "usher-session-extend"), ("acct", "\"\(session.admission.account)\""),
            ("id", "\(session.admission.uid)"), ("session", session.id), ("subject", session.admission.ticket.subject),
            ("role", session.admission.ticket.role), ("seconds", "\(`extension`.seconds)"),
            ("ends", "\(`extension`.endsAt)"), ("reason", word(`extension`.reason)), ("by", word(`extension`.by)),
        ])
    }

    /// The agent's own record when nothing of the account is left.
    static func accountEnd(_ session: Session, cause: EndCause) -> String {
        account("usher-account-end", session, [("reason", word(cause.reason)), ("by", word(cause.by))])
    }

    /// What the operator sees once, when the session opens.
    static func notice(_ session: Session) -> String {
        let admission = session.admission
        let minutes = (admission.maxDuration + 59) / 60
        var lines = [
            "Usher: session \(session.id), role \(admission.ticket.role), ends \(CivilTime.utc(session.endsAt)) "
                + "(\(minutes) min)"
        ]
        var second: [String] = []
        if let idle = admission.idleLimit { second.append("idle limit \((idle + 59) / 60) min") }
        if let approval = admission.ticket.approval { second.append("approval \(approval)") }
        if let change = admission.ticket.change { second.append("change \(change)") }
        second.append("commands are recorded")
        lines.append("Usher: " + second.joined(separator: ", "))
        return lines.joined(separator: "\n")
    }

    /// On the session's terminals, some time before its deadline.
    static func deadlineWarning(_ session: Session, seconds: Int64) -> String {
        "Usher: session \(session.id) ends in \(length(seconds)), at \(CivilTime.utc(session.endsAt)): "
            + "its time is over then. Save your work."
    }

    /// On the session's terminals, some time before it is idle for too long.
    static func idleWarning(_ session: Session, seconds: Int64) -> String {
        let limit = session.admission.idleLimit ?? 0
        let what = session.admission.idleCounts == .input ? "nothing was typed" : "nothing was done"
        return "Usher: session \(session.id) ends in \(length(seconds)): \(what) for \(length(limit - seconds)). "
            + "Press a key to keep it."
    }

    /// On the session's terminals, when a rule of detection found something.
    static func detectionNotice(_ session: Session, _ rule: DetectionRule) -> String {
        "Usher: session \(session.id): \(rule.summary). This is on record."
            + (rule.actions.contains(.end) ? " The session ends." : "")
    }

    /// On the session's terminals, when an administrator has moved its end.
    static func extensionNotice(_ session: Session, by seconds: Int64) -> String {
        "Usher: session \(session.id) now ends at \(CivilTime.utc(session.endsAt)): extended by \(length(seconds))."
    }

    /// `5 min`, `90 s`.
    private static func length(_ seconds: Int64) -> String {
        seconds >= 60 && seconds % 60 == 0 ? "\(seconds / 60) min" : "\(seconds) s"
    }

    private static func account(_ operation: String, _ session: Session, _ more: [(String, String?)]) -> String {
        let admission = session.admission
        return fields(
            [
                ("op", operation), ("acct", "\"\(admission.account)\""), ("id", "\(admission.uid)"),
                ("session", session.id), ("kind", admission.kind.rawValue), ("ticket", admission.ticket.ticketID),
                ("subject", admission.ticket.subject), ("role", admission.ticket.role),
                ("approval", admission.ticket.approval), ("change", admission.ticket.change),
            ] + more)
    }

    private static func fields(_ fields: [(String, String?)]) -> String {
        fields.compactMap { name, value in value.map { "\(name)=\($0)" } }.joined(separator: " ")
    }

    /// An administrator's words as one word of an audit record.
    private static func word(_ text: String) -> String {
        String(
            decoding: text.utf8.map { byte -> UInt8 in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: ":"):
                    byte
                default: UInt8(ascii: "_")
                }
            }.prefix(200), as: UTF8.self)
    }
}

/// A point in time as a person reads it, without a calendar library in the login path.
enum CivilTime {
    /// `2026-11-21 14:32 UTC`.
    ///
    /// - Parameter seconds: since 1970-01-01 UTC, not negative.
    static func utc(_ seconds: Int64) -> String {
        let (days, rest) = seconds.quotientAndRemainder(dividingBy: 86_400)
        // Days to year, month, day: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(year)-\(two(month))-\(two(day)) \(two(rest / 3600)):\(two(rest % 3600 / 60)) UTC"
    }
}
