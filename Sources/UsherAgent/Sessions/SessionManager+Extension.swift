internal import Logging
internal import NIOPosix
internal import UsherConfig
internal import UsherEvidence
internal import UsherPolicy
internal import UsherStore
internal import UsherSystem

extension SessionManager {
    /// Why an extension is refused; in words for whoever asked.
    struct ExtensionRefusal: Error, Equatable {
        var reason: String
    }

    /// How long a session may last, in seconds, as role and host have it now: an extension cannot go beyond. nil when
    /// there is no such role any more.
    private func longest(_ session: Session) -> Int64? {
        let host = policy.now
        return host.roles[session.admission.ticket.role].map { min($0.maxDuration, host.configuration.maxDuration) }
    }

    /// The latest end that extensions could give a session, on the boot clock: what systemd is told, which takes no
    /// other limit for a scope that runs (Docs/Architecture.md).
    func longestEnd(_ session: Session) -> Int64 {
        max(session.endsBoot, session.openedBoot + (longest(session) ?? 0) * 1_000_000_000)
    }

    /// The end that an extension gives a session, or why it is refused.
    ///
    /// - Parameters:
    ///   - longest: seconds from the opening; nil when the role is gone.
    ///   - now: boot clock, nanoseconds.
    static func extendedEnd(
        _ live: LiveSession, by seconds: Int64, longest: Int64?, now: Int64
    ) throws(ExtensionRefusal) -> Int64 {
        let session = live.session
        guard !live.isClosing, now < session.endsBoot else {
            throw ExtensionRefusal(reason: "session \(session.id) is ending")
        }
        guard let longest else {
            throw ExtensionRefusal(reason: "this host has no role \(session.admission.ticket.role) any more")
        }
        let end = session.endsBoot + seconds * 1_000_000_000
        let latest = session.openedBoot + longest * 1_000_000_000
        guard end <= latest else {
            let left = max(0, latest - session.endsBoot) / 1_000_000_000
            throw ExtensionRefusal(
                reason: "role and host let a session last \(longest) s; that leaves \(left) s, not \(seconds) s")
        }
        return end
    }

    /// Moves the end of a session: audit, then row, then what ends it by itself, then its terminals are told.
    func extend(
        id: String, by seconds: Int64, reason: String, peer: Peer
    ) async throws -> Session {
        guard let live = registry.session(id: id) else { throw ExtensionRefusal(reason: "session \(id) is closed") }
        let end = try Self.extendedEnd(
            live, by: seconds, longest: longest(live.session), now: SystemClock.boottimeNanoseconds())
        let addition = SessionExtension(
            at: SystemClock.realtimeSeconds(), by: EndCause.caller(uid: peer.uid, pid: peer.process.pid),
            reason: reason, seconds: seconds, endsAt: live.session.endsAt + seconds)
        try audit.write(.userManagement, SessionTexts.extended(live.session, addition))
        do {
            try await store.extend(id: id, from: live.session.endsBoot, to: end, addition)
        } catch {
            try audit.write(.userManagement, SessionTexts.extended(live.session, addition), success: false)
            throw error
        }
        let updated = registry.update(id: id) { live in
            live.session.endsBoot = end
            live.session.endsAt = addition.endsAt
            return live.session
        }
        guard let session = updated else { throw ExtensionRefusal(reason: "session \(id) has ended meanwhile") }
        evidence.note(.extended(session, addition))
        logger.notice(
            "session extended",
            metadata: [
                "session": "\(id)", "seconds": "\(seconds)", "by": "\(addition.by)", "reason": "\(reason)",
            ])
        show(SessionTexts.extensionNotice(session, by: seconds), to: session)
        return session
    }

    /// Shows a line on the session's terminals; nobody waits for it.
    func show(_ line: String, to session: Session) {
        let activity = SessionActivity(cgroups: cgroups)
        let (threads, logger) = (threads, logger)
        Task {
            do {
                let terminals = try await threads.runIfActive { try activity.show(line, to: session) }
                logger.info("session told", metadata: ["session": "\(session.id)", "terminals": "\(terminals)"])
            } catch {
                logger.warning("session not told", metadata: ["session": "\(session.id)", "reason": "\(error)"])
            }
        }
    }
}
