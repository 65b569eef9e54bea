internal import UsherEvidence
internal import UsherStore
internal import UsherWire

/// What attribution may ask. Each answer is about this boot of the host.
protocol SessionKnowledge: Sendable {
    /// The session that has, or had, this number of the kernel's.
    func session(ses: UInt32) -> KnownSession?
    /// The session one of whose processes took this number for itself; the kernel's record said so.
    func session(takenSES: UInt32) -> KnownSession?
    /// The session of an ephemeral account's uid at a time (milliseconds since 1970).
    func session(ephemeralUID: UInt32, at: Int64) -> KnownSession?
    /// The sessions that an account of the host's own had at a time (milliseconds since 1970).
    func sessions(existingUID: UInt32, at: Int64) -> [KnownSession]
    /// The session whose cgroup holds the process, or whose account's user manager started it; nil for a process that
    /// has ended, or was started after that time (milliseconds since 1970): its pid was another's then.
    func session(cgroupOf pid: Int32, at: Int64) -> KnownSession?
    /// The sessions that were not closed at some time between the two (milliseconds since 1970).
    func sessions(from: Int64, to: Int64) -> [KnownSession]
    /// Notes that a process of a session has this number of the kernel's from now on.
    func note(ses: UInt32, of session: KnownSession)
    /// Waits a moment for sessions that are about to open: the kernel's records of a login come before its session.
    func settle(_ events: [AuditEvent]) async
}

/// Whose an event of the kernel's audit is.
///
/// The kernel stamps `auid` and `ses` at login, and every child inherits them; only a process with CAP_AUDIT_CONTROL
/// changes its own. An ephemeral account belongs to one session, so its `auid` names the session even where cron, at or
/// `user@.service` made a `ses` of their own. In an account of the host's own only `ses` tells sessions apart, and what
/// cron or at run for it has one that the kernel ties to nothing.
enum Attribution: Equatable {
    /// - Parameter why: what is out of the ordinary, or how it was inferred.
    case session(KnownSession, EvidenceRecord.Attribution, why: String?)
    /// It could be a session's, and nobody can say which.
    case unknown(why: String)
    /// No session's.
    case none

    /// Judges an event by what is known.
    static func of(_ event: AuditEvent, _ knowledge: some SessionKnowledge) -> Attribution {
        let time = event.stamp.milliseconds
        if event.type == "LOGIN", let old = event.number("old-ses"),
            let session = knowledge.session(ses: old) ?? knowledge.session(takenSES: old)
        {
            return .session(session, .kernel, why: "a process of the session gave itself another loginuid")
        }
        guard let process = event.process else { return byAccount(event, knowledge) }
        guard let auid = process.auid else {
            return byWhatElseIsKnown(process, time, knowledge, "the loginuid is unset") ?? byAccount(event, knowledge)
        }
        if EphemeralAccount.contains(uid: auid) {
            guard let session = knowledge.session(ephemeralUID: auid, at: time) else {
                return .unknown(why: "auid \(auid) is of the ephemeral range, and no session had it at that time")
            }
            return .session(session, .kernel, why: late(session, time))
        }
        if let ses = process.ses, let session = knowledge.session(ses: ses) {
            guard session.uid == auid else {
                return .unknown(why: "ses \(ses) is that of \(session.id), and auid \(auid) is not its account's")
            }
            return .session(session, .kernel, why: late(session, time))
        }
        if let ses = process.ses, let session = knowledge.session(takenSES: ses) {
            return .session(
                session, .inferred, why: "a process of the session took ses \(ses), as login inside of it does")
        }
        if let found = byWhatElseIsKnown(process, time, knowledge, "auid \(auid) is no session's") { return found }
        let candidates = knowledge.sessions(existingUID: auid, at: time)
        guard let first = candidates.first else { return .none }
        let names = candidates.prefix(4).map(\.id).joined(separator: ", ")
        return .unknown(
            why:
                "\(first.account) had \(names), and ses \(process.ses.map { "\($0)" } ?? "unset") is none of theirs: a "
                + "login without a ticket, or a job of cron or at, which the kernel does not tie to who queued it")
    }

    /// By a uid of the ephemeral range, which belongs to one session, or by the cgroup.
    private static func byWhatElseIsKnown(
        _ process: AuditEvent.Process, _ time: Int64, _ knowledge: some SessionKnowledge, _ reason: String
    ) -> Attribution? {
        for uid in [process.uid, process.effectiveUID, process.savedUID] {
            guard let uid, EphemeralAccount.contains(uid: uid) else { continue }
            guard let session = knowledge.session(ephemeralUID: uid, at: time) else { continue }
            return .session(session, .inferred, why: "\(reason), and uid \(uid) is the session's account")
        }
        guard let session = knowledge.session(cgroupOf: process.pid, at: time) else { return nil }
        return .session(session, .inferred, why: "\(reason), and the process is in the session's cgroup")
    }

    /// What PAM says before the loginuid is set names an account, and an ephemeral one has one session.
    private static func byAccount(_ event: AuditEvent, _ knowledge: some SessionKnowledge) -> Attribution {
        guard let name = event.field("acct"), let uid = EphemeralAccount.uid(ofName: name.span) else { return .none }
        // sshd authenticates some time before the session opens.
        let slack: Int64 = 120_000
        guard let session = knowledge.session(ephemeralUID: uid, at: event.stamp.milliseconds + slack) else {
            return .unknown(why: "the ephemeral account that the record names has no session")
        }
        return .session(session, .inferred, why: "the record names the session's account")
    }

    private static func late(_ session: KnownSession, _ time: Int64) -> String? {
        guard let closed = session.closedAt, time > closed + 1000 else { return nil }
        return "after the session was closed"
    }
}

extension AuditEvent {
    /// The value of a field; nil when there is none of that name.
    func field(_ name: String) -> [UInt8]? { fields.first { $0.name == name }?.value }

    /// The value of a field as text; nil also where it is not UTF-8.
    func text(_ name: String) -> String? { field(name).flatMap { String(validating: $0, as: UTF8.self) } }

    /// A number of the kernel's; nil for "unset" too.
    func number(_ name: String) -> UInt32? {
        guard let value = text(name).flatMap({ UInt32($0) }), value != UInt32.max else { return nil }
        return value
    }
}
