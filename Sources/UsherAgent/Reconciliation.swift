internal import Logging
internal import UsherStore
internal import UsherSystem

extension Runtime {
    /// How long the start waits for teardowns of what the stop or crash left; they go on after it.
    private static let patience: Duration = .seconds(10)

    /// Brings the host in line with the database, before anybody is served: sessions whose leader lives go on,
    /// every other row that is not closed is ended, and what no row accounts for is removed.
    func reconcile() async {
        do {
            var teardowns: [Task<Void, Never>] = []
            for session in try store.liveSessions() {
                if let teardown = try await reconcile(session) { teardowns.append(teardown) }
            }
            for admission in try store.waitingAdmissions() { try await reconcile(admission) }
            for removed in try accounts.removeUnknown(live: registry.sessions().map(\.session)) {
                logger.warning("leftover removed", metadata: ["what": "\(removed)"])
            }
            await wait(for: teardowns)
        } catch {
            // Not a reason to keep the host's administrators out: new logins are judged by the same database.
            logger.error("reconciliation is not complete", metadata: ["reason": "\(error)"])
        }
    }

    /// The teardown of a session that does not go on; nil for one that does.
    private func reconcile(_ row: Session) async throws(SystemError) -> Task<Void, Never>? {
        var session = row
        let exists = try ProcessIdentity(row.leader).exists
        let alive = row.admission.bootID == bootID && exists
        let revocation = store.revocations.match(row.admission.ticket, account: row.admission.account)
        if session.state == .open, alive, revocation == nil {
            do {
                try accounts.publish(session)
                var live = LiveSession(session: session)
                live.taggedBoot = session.openedBoot
                live.entered = true
                registry.add(live)
                try sessions.watch(session.admission)
                logger.info("session adopted", metadata: ["session": "\(session.id)"])
                return nil
            } catch {
                logger.error(
                    "session not adopted", metadata: ["session": "\(session.id)", "reason": "\(error)"])
            }
        }
        let cause: EndCause
        if session.state == .closing {
            cause = EndCause(reason: session.endReason ?? "unknown", by: session.endedBy ?? "unknown")
        } else if row.admission.bootID != bootID {
            cause = .hostRestarted
        } else if let revocation {
            cause = .revoked(revocation)
        } else {
            let byWatchdog = try Watchdog.hasEnded(row.id)
            cause = byWatchdog ? .deadlineByWatchdog : alive ? .agentRestartedWhileOpening : .leaderDied
        }
        session.state = .closing
        session.endReason = cause.reason
        session.endedBy = cause.by
        session.endedAt = session.endedAt ?? SystemClock.realtimeSeconds()
        if row.admission.bootID != bootID {
            // Numbers of another boot: nothing of this boot may be killed for them.
            session.auditSession = Processes.unset
        }
        registry.add(LiveSession(session: session))
        logger.notice(
            "session does not go on", metadata: ["session": "\(session.id)", "reason": "\(cause.reason)"])
        return sessions.tearDown(session, cause)
    }

    private func reconcile(_ admission: Admission) async throws(SystemError) {
        if let revocation = store.revocations.match(admission.ticket, account: admission.account) {
            return await sessions.lapse(handle: admission.handle, revocation.summary)
        }
        if admission.bootID == bootID, try ProcessIdentity(admission.login).exists, registry.reserve(admission) {
            do {
                return try sessions.watch(admission)
            } catch {
                registry.release(handle: admission.handle)
            }
        }
        await sessions.lapse(handle: admission.handle, "the login process ended while the agent was down")
    }

    private func wait(for teardowns: [Task<Void, Never>]) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for teardown in teardowns { await teardown.value }
            }
            group.addTask { try? await Task.sleep(for: Self.patience) }
            await group.next()
            group.cancelAll()
        }
    }
}

extension ProcessIdentity {
    init(_ key: ProcessKey) {
        self.init(pid: key.pid, startTime: key.startTime)
    }
}
