internal import Logging
internal import UsherEvidence
internal import UsherPolicy
internal import UsherStore
internal import UsherSystem
internal import UsherTicket
internal import UsherWire

/// Makes revocations count: for logins to come through the store's set, and at once for what waits or runs already.
struct Revocations: Sendable {
    let store: Store
    let sessions: SessionManager
    let evidence: any EvidenceSink
    let logger: Logger

    /// What a revocation met when it was made.
    struct Outcome: Sendable {
        var revocation: Revocation
        /// It stood before; what ran in spite of it was ended now.
        var stoodBefore: Bool
        var sessionsEnded: Int
        var admissionsLapsed: Int
    }

    /// Returns when the revocation and the end of every session that it matches are on the disk, and their processes
    /// were sent the kill.
    func revoke(_ entry: RevocationEntry, by: String) async throws -> Outcome {
        let id = "r-" + String(decoding: Base32.encode(try Randomness.bytes(10), characters: 16), as: UTF8.self)
        let revocation = Revocation(entry, id: id, by: by, at: SystemClock.realtimeSeconds(), source: .command)
        let standing = try await store.revoke(revocation)
        logger.notice(
            "revoked",
            metadata: [
                "revocation": "\(standing?.id ?? id)", "kind": "\(entry.kind.rawValue)", "value": "\(entry.value)",
                "reason": "\(entry.reason)", "by": "\(by)", "stood_before": "\(standing != nil)",
            ])
        let (ended, lapsed) = await enforce()
        evidence.note(
            .revoked(standing ?? revocation, stoodBefore: standing != nil, ended: ended, lapsed: lapsed))
        return Outcome(
            revocation: standing ?? revocation, stoodBefore: standing != nil, sessionsEnded: ended,
            admissionsLapsed: lapsed)
    }

    /// Nil when no revocation of this id stands.
    func lift(id: String, reason: String, by: String) async throws -> Revocation? {
        let lifting = Revocation.Lifting(at: SystemClock.realtimeSeconds(), by: by, reason: reason)
        guard let lifted = try await store.liftRevocation(id: id, lifting) else { return nil }
        logger.notice(
            "revocation lifted",
            metadata: [
                "revocation": "\(id)", "kind": "\(lifted.kind.rawValue)", "value": "\(lifted.value)",
                "reason": "\(reason)", "by": "\(by)",
            ])
        evidence.note(.lifted(lifted, by: by, reason: reason))
        return lifted
    }

    /// Ends every session and lapses every admission that something revoked matches. Sessions that close already are
    /// left alone and not counted.
    @discardableResult
    func enforce() async -> (ended: Int, lapsed: Int) {
        let set = store.revocations
        // First, as one that is taken becomes a session at any moment.
        let released = sessions.registry.admissions().compactMap { admission -> (Admission, reason: String)? in
            guard let revocation = set.match(admission.ticket, account: admission.account),
                sessions.registry.release(handle: admission.handle)
            else { return nil }
            return (admission, revocation.summary)
        }
        // All at once: their commits share the disk's time, and no kill waits for a row of another.
        let ended = await withTaskGroup(of: Bool.self) { group in
            for live in sessions.registry.sessions() where !live.isClosing {
                let admission = live.session.admission
                guard let revocation = set.match(admission.ticket, account: admission.account) else { continue }
                group.addTask { await sessions.end(id: live.id, .revoked(revocation)) }
            }
            for (admission, reason) in released {
                group.addTask {
                    await sessions.lapse(admission, reason)
                    return false
                }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        return (ended, released.count)
    }

    /// Trust entries that are marked as revoked: their keys' tickets are refused by the policy; what ran is ended.
    func trustChanged(_ policy: HostPolicy) async {
        let now = SystemClock.realtimeSeconds()
        let entries = policy.trust.compactMap { entry -> Revocation? in
            guard let reason = entry.revoked, entry.signs == .tickets else { return nil }
            return Revocation(
                id: "", kind: .key, value: entry.key.keyID, issuer: "", reason: reason,
                by: "trust entry \(entry.name)", at: now, source: .trust)
        }
        store.revocations.replace(.trust, by: entries)
        await enforce()
    }
}

extension EndCause {
    /// Something about the ticket that opened the session was revoked.
    static func revoked(_ revocation: Revocation) -> EndCause {
        let what = revocation.kind == .all ? "all" : "\(revocation.kind.rawValue) \(revocation.value)"
        let id = revocation.id.isEmpty ? "" : " by \(revocation.id)"
        return .revoked("\(what)\(id): \(revocation.reason)", by: revocation.by)
    }
}

extension Revocation {
    init(_ entry: RevocationEntry, id: String, by: String, at: Int64, source: Source) {
        let kind: Kind =
            switch entry.kind {
            case .ticket: .ticket
            case .subject: .subject
            case .account: .account
            case .role: .role
            case .key: .key
            case .all: .all
            }
        self.init(
            id: id, kind: kind, value: entry.value, issuer: entry.issuer, reason: entry.reason, by: by, at: at,
            expiresAt: entry.expiresAt, source: source)
    }
}
