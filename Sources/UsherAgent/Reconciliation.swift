internal import Logging
internal import UsherEvidence
internal import UsherStore
internal import UsherSystem

extension Runtime {
    /// How long the start waits for teardowns of what the stop or crash left; they go on after it.
    private static let patience: Duration = .seconds(10)
    /// How often a step of the start is tried, with pauses that double from `firstPause`: 1.3 s in all.
    private static let attempts = 7
    private static let firstPause: Duration = .milliseconds(20)

    /// Brings the host in line with the database, before anybody is served: sessions whose leader lives go on,
    /// every other row that is not closed is ended, and what no row accounts for is removed.
    ///
    /// - Throws: when it cannot be known what has to be ended or watched. Then nobody is served: the service manager
    ///   starts the agent again, and administrators that are exempt get in without it.
    func reconcile() async throws {
        try await insist("read the revocation list") { try await lists.start() }
        await lists.check()
        for session in try await insist("read sessions", { try store.liveSessions() }) { try await reconcile(session) }
        for admission in try await insist("read admissions", { try store.waitingAdmissions() }) {
            try await reconcile(admission)
        }
        do {
            try await insist("remove leftovers") {
                for removed in try accounts.removeUnknown(live: registry.sessions().map(\.session)) {
                    logger.warning("leftover removed", metadata: ["what": "\(removed)"])
                }
            }
        } catch {
            // Homes and files whose session is closed: usher-shell lets nobody in by them.
            logger.error("leftovers stay", metadata: ["reason": "\(error)"])
        }
        do {
            try noteForgottenEnds()
        } catch {
            logger.error("ends that the evidence may lack are not known", metadata: ["reason": "\(error)"])
        }
        try await waitForTeardowns()
    }

    /// The agent before may have died between the row `closed` and the line: lines that should be among the last of the
    /// log and are not are written now.
    private func noteForgottenEnds() throws {
        guard let first = evidence.found.first?.record.milliseconds else { return }
        let told = Set(evidence.found.lazy.filter { $0.kind == "closed" }.compactMap(\.session))
        for session in try store.sessions(limit: 200) where session.state == .closed && !told.contains(session.id) {
            guard let closedAt = session.closedAt, closedAt * 1000 > first,
                let receipt = try store.receipts(session: session.id).first
            else { continue }
            evidence.note(.closed(session, receipt: LineHash(of: receipt.text.utf8), left: receipt.leftCount))
        }
    }

    /// What fails for a moment (a full disk, no descriptor left) must not end sessions that go on, nor the start.
    private func insist<Value>(_ what: String, _ body: () async throws -> Value) async throws -> Value {
        var pause = Self.firstPause
        for _ in 1..<Self.attempts {
            do {
                return try await body()
            } catch {
                logger.warning("will be tried again", metadata: ["step": "\(what)", "reason": "\(error)"])
            }
            try await Task.sleep(for: pause)
            pause *= 2
        }
        return try await body()
    }

    private func reconcile(_ row: Session) async throws {
        var session = row
        let exists = try await insist("look for the leader") { try ProcessIdentity(row.leader).exists }
        let alive = row.admission.bootID == bootID && exists
        let revocation = store.revocations.match(row.admission.ticket, account: row.admission.account)
        if session.state == .open, alive, revocation == nil, try await adopt(session) { return }
        let cause: EndCause
        if session.state == .closing {
            cause = EndCause(reason: session.endReason ?? "unknown", by: session.endedBy ?? "unknown")
        } else if row.admission.bootID != bootID {
            cause = .hostRestarted
        } else if let revocation {
            cause = .revoked(revocation)
        } else {
            let byWatchdog = await wasEndedByWatchdog(row)
            let opening = alive && session.state == .opening
            cause = byWatchdog ? .deadlineByWatchdog : opening ? .agentRestartedWhileOpening : .leaderDied
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
        // Also for one that was closing: a power cut may have come before its line was on the disk.
        evidence.note(.ended(session, cause))
        sessions.tearDown(session, cause)
    }

    /// It only tells the cause of an end that has to happen anyway: what cannot be read keeps nobody from starting.
    private func wasEndedByWatchdog(_ session: Session) async -> Bool {
        do {
            return try await insist("ask the watchdog") { try Watchdog.hasEnded(session.id) }
        } catch {
            logger.error(
                "whether the watchdog ended the session is not known",
                metadata: ["session": "\(session.id)", "reason": "\(error)"])
            return false
        }
    }

    /// A session goes on; false when its leader has died meanwhile.
    private func adopt(_ session: Session) async throws -> Bool {
        var live = LiveSession(session: session)
        live.taggedBoot = session.openedBoot
        live.entered = true
        // Before the watch, which may find it ended at once.
        registry.add(live)
        guard try await watch(session.admission) else { return false }
        do {
            try await insist("account files of \(session.id)") { try accounts.publish(session) }
        } catch {
            // The run before wrote them; what changed since then is missing, and the session is not ended for it.
            logger.error(
                "account files not written", metadata: ["session": "\(session.id)", "reason": "\(error)"])
        }
        evidence.note(.adopted(session))
        logger.info("session adopted", metadata: ["session": "\(session.id)"])
        return true
    }

    private func reconcile(_ admission: Admission) async throws {
        if let revocation = store.revocations.match(admission.ticket, account: admission.account) {
            return await sessions.lapse(admission, revocation.summary)
        }
        let exists = try await insist("look for the login process") { try ProcessIdentity(admission.login).exists }
        if admission.bootID == bootID, exists, registry.reserve(admission) {
            if try await watch(admission) { return }
            registry.release(handle: admission.handle)
        }
        await sessions.lapse(admission, "the login process ended while the agent was down")
    }

    /// False when the login process has ended.
    private func watch(_ admission: Admission) async throws -> Bool {
        try await insist("watch process \(admission.login.pid)") {
            do throws(SystemError) {
                try sessions.watch(admission)
                return true
            } catch  where error.isNotFound {
                return false
            }
        }
    }

    /// Until nothing is closing, or for as long as the patience lasts: a process that will not die, or a disk that
    /// takes no row, keeps its session `closing` and nobody else out.
    private func waitForTeardowns() async throws {
        let end = ContinuousClock.now + Self.patience
        while ContinuousClock.now < end, registry.sessions().contains(where: \.isClosing) {
            try await Task.sleep(for: .milliseconds(2))
        }
    }
}

extension ProcessIdentity {
    init(_ key: ProcessKey) {
        self.init(pid: key.pid, startTime: key.startTime)
    }
}
