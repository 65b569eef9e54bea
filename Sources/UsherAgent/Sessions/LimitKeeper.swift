internal import Logging
internal import NIOPosix
internal import ServiceLifecycle
internal import UsherConfig
internal import UsherEvidence
internal import UsherStore
internal import UsherSystem

/// Warns sessions of their end and ends those that are idle. Apart from `Timekeeper`, so that what it looks at cannot
/// hold up a deadline.
struct LimitKeeper: Service, CustomStringConvertible {
    /// What is remembered of a session between two looks; a restarted agent begins anew.
    private struct Watch {
        var deadline = WarningLadder()
        var idle = WarningLadder()
        var judge: IdleJudge?
        /// Boot clock, nanoseconds.
        var readAt: Int64 = 0
    }

    let sessions: SessionManager
    let description = "limit keeper"

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var watches: [String: Watch] = [:]
            while !Task.isCancelled {
                await look(&watches)
                try? await Task.sleep(for: .milliseconds(500))
            }
        }
    }

    private func look(_ watches: inout [String: Watch]) async {
        let now = SystemClock.boottimeNanoseconds()
        let before = sessions.policy.now.configuration.warnBefore
        let live = sessions.registry.sessions().filter { !$0.isClosing && $0.taggedBoot != nil }.map(\.session)
        var next: [String: Watch] = [:]
        for session in live {
            var watch = watches[session.id] ?? Watch()
            if watch.judge == nil, let limit = session.admission.idleLimit {
                watch.judge = IdleJudge(
                    limit: limit, counts: session.admission.idleCounts, openedAt: session.openedBoot)
            }
            if let point = watch.deadline.due(before, end: session.endsBoot, now: now) {
                warn(session, SessionTexts.deadlineWarning(session, seconds: point), &watch)
                sessions.evidence.note(.warned(session, .deadline, seconds: point))
            }
            next[session.id] = watch
        }
        watches = next
        let due = live.filter { session in
            guard let watch = watches[session.id], let judge = watch.judge else { return false }
            return now - watch.readAt >= Self.pause(judge) || now >= judge.endsAt
        }
        guard !due.isEmpty else { return }
        for (session, reading) in await readings(of: due, watches) {
            guard var watch = watches[session.id], var judge = watch.judge else { continue }
            watch.readAt = now
            let isOver = reading.map { judge.isOver($0) } ?? judge.isOver(unseenAt: now)
            watch.judge = judge
            if isOver {
                await sessions.end(id: session.id, .idle)
            } else if let reading, let point = watch.idle.due(before, end: judge.endsAt, now: reading.at) {
                warn(session, SessionTexts.idleWarning(session, seconds: point), &watch)
                sessions.evidence.note(.warned(session, .idle, seconds: point))
            }
            watches[session.id] = watch
        }
    }

    /// How long nobody looks at a session: a part of its limit that does not matter.
    private static func pause(_ judge: IdleJudge) -> Int64 {
        min(max(judge.limit / 16, 400_000_000), 10_000_000_000)
    }

    /// Nil for a session of which nothing could be seen.
    private func readings(of due: [Session], _ watches: [String: Watch]) async -> [(Session, ActivityReading?)] {
        let activity = SessionActivity(cgroups: sessions.cgroups)
        let asked = due.compactMap { session in watches[session.id]?.judge.map { (session, $0) } }
        let logger = sessions.logger
        let found = try? await sessions.threads.runIfActive {
            asked.map { session, judge -> (Session, ActivityReading?) in
                do throws(SystemError) {
                    return (session, try activity.reading(session, judge))
                } catch {
                    if !judge.isBlind {
                        logger.error(
                            "activity not seen; the session ends as idle when that lasts for its idle limit",
                            metadata: ["session": "\(session.id)", "reason": "\(error)"])
                    }
                    return (session, nil)
                }
            }
        }
        // The pool ends with the agent.
        return found ?? []
    }

    private func warn(_ session: Session, _ line: String, _ watch: inout Watch) {
        watch.judge?.forgetOutput()
        sessions.show(line, to: session)
    }
}
