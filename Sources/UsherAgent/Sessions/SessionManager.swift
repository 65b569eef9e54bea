internal import Logging
internal import NIOPosix
internal import UsherEvidence
internal import UsherPolicy
internal import UsherStore
internal import UsherSystem
internal import UsherWire

/// The life of sessions: open, tag, enter, end. Every change of state is judged against the registry, made durable,
/// and only then answered.
final class SessionManager: Sendable {
    /// Nanoseconds that the leader may take to report its tag: nothing but our own module runs meanwhile.
    static let openingPatience: Int64 = 5_000_000_000
    /// Nanoseconds from the tag to the entry of the leader's child (sshd only: other programs do not call setcred a
    /// second time, Docs/Architecture.md). The rest of the session stack runs meanwhile; pam_systemd alone waits until
    /// logind has started the user's manager, 8 s on a slow machine and up to 120 s by its own limit.
    static let entryPatience: Int64 = 60_000_000_000

    /// How long a row that the disk did not take waits for the next attempt.
    static let confirmationPause: Duration = .seconds(1)
    /// Well below TimeoutStopSec of usherd.service, after which systemd kills the agent: two commits that wait 5 s each
    /// for a ledger that somebody holds come on top.
    static let shutdownPatience: Duration = .seconds(10)

    let policy: CurrentPolicy
    let store: Store
    let registry: Registry
    let accounts: Accounts
    let audit: Audit
    let cgroups: SessionCgroups
    let teardown: Teardown
    let watcher: ProcessWatcher
    let evidence: any EvidenceSink
    let threads: NIOThreadPool
    let logger: Logger

    init(
        policy: CurrentPolicy, store: Store, registry: Registry, accounts: Accounts, audit: Audit,
        cgroups: SessionCgroups,
        teardown: Teardown, watcher: ProcessWatcher, evidence: any EvidenceSink, threads: NIOThreadPool, logger: Logger
    ) {
        self.policy = policy
        self.store = store
        self.registry = registry
        self.accounts = accounts
        self.audit = audit
        self.cgroups = cgroups
        self.teardown = teardown
        self.watcher = watcher
        self.evidence = evidence
        self.threads = threads
        self.logger = logger
    }

    // MARK: Open

    /// Opens the session of an admission that `AdmissionDesk` found to be the caller's.
    func open(_ found: Admission, peer: Peer) async throws(Denial) -> Session {
        guard peer.process == found.login else {
            throw Denial(.noAdmission, "the session must be opened by the login process itself")
        }
        guard let admission = registry.take(handle: found.handle) else {
            throw Denial(.noAdmission, "the admission is used already")
        }
        let session: Session
        do {
            session = try makeSession(admission)
            try accounts.provision(session)
        } catch {
            await abandon(admission)
            throw Denial(whatever: error)
        }
        async let record = record(session)
        do {
            try await store.open(session)
        } catch {
            _ = await record
            await abandon(admission)
            throw Denial(error, claims: nil)
        }
        registry.add(LiveSession(session: session))
        do {
            try await record.get()
        } catch {
            await end(id: session.id, .tagNotWritten)
            throw Denial(whatever: error)
        }
        // One that was committed after the row of this session may have looked for it in the registry before.
        if let revocation = store.revocations.match(admission.ticket, account: admission.account) {
            await end(id: session.id, .revoked(revocation))
            throw Denial(.revoked, revocation.summary)
        }
        evidence.note(.opened(session))
        if admission.kind == .ephemeral { evidence.note(.accountMade(session)) }
        logger.info(
            "session opening",
            metadata: [
                "session": "\(session.id)", "account": "\(admission.account)", "ses": "\(session.auditSession)",
                "leader": "\(session.leader.pid)", "subject": "\(admission.ticket.subject)",
                "role": "\(admission.ticket.role)",
            ])
        return session
    }

    /// Where the kernel would wait for auditd (backlog_wait_time, up to 15 s by default), not on the event loop.
    private func record(_ session: Session) async -> Result<Void, any Error> {
        let audit = audit
        do {
            if try audit.status(noOlderThanMilliseconds: AdmissionDesk.auditStatusAge).isKeepingUp {
                return .success(try audit.write(.addUser, SessionTexts.accountBegin(session)))
            }
            return .success(
                try await threads.runIfActive { try audit.write(.addUser, SessionTexts.accountBegin(session)) })
        } catch {
            return .failure(error)
        }
    }

    private func makeSession(_ admission: Admission) throws -> Session {
        let pid = admission.login.pid
        guard let auditSession = try Processes.sessionID(pid), let loginUID = try Processes.loginUID(pid) else {
            throw Denial(
                .internalError, "process \(pid) has no audit session: pam_loginuid must stand before pam_usher")
        }
        guard loginUID == admission.uid else {
            throw Denial(
                .internalError, "the loginuid is \(loginUID), that of \(admission.account) is \(admission.uid)")
        }
        guard registry.session(auditSession: auditSession) == nil else {
            throw Denial(.internalError, "the audit session \(auditSession) belongs to a live session already")
        }
        let now = SystemClock.realtimeSeconds()
        let boot = SystemClock.boottimeNanoseconds()
        let id = "s-" + String(decoding: Base32.encode(try Randomness.bytes(10), characters: 16), as: UTF8.self)
        return Session(
            id: id, state: .opening, admission: admission, leader: admission.login, auditSession: auditSession,
            loginUID: loginUID, openedAt: now, openedBoot: boot, endsAt: now + admission.maxDuration,
            endsBoot: boot + admission.maxDuration * 1_000_000_000)
    }

    /// Undoes what a failed opening left; the ticket stays burned.
    private func abandon(_ admission: Admission) async {
        do {
            try accounts.removeHome(admission)
            try accounts.withdraw(admission)
            try await store.lapse(handle: admission.handle)
        } catch {
            // The next start finds home and records without a session and removes them.
            logger.error(
                "failed opening not undone", metadata: ["account": "\(admission.account)", "reason": "\(error)"])
        }
        registry.releaseUID(of: admission)
    }

    // MARK: Tag and entry

    /// The leader's word about its audit record; false ends the session.
    func reportTag(id: String, written: Bool, peer: Peer) async throws(Denial) {
        try requireLeader(id: id, peer)
        guard written else {
            await end(id: id, .tagNotWritten)
            return
        }
        let first = registry.update(id: id) { live in
            guard live.session.state == .opening else { return false }
            live.session.state = .open
            live.taggedBoot = SystemClock.boottimeNanoseconds()
            return true
        }
        guard first == true else { throw Denial(.internalError, "session \(id) is not opening") }
        confirmOpen(id: id)
    }

    /// Until the row says so, a restart of the agent would end the session.
    private func confirmOpen(id: String) {
        store.confirmOpen(id: id) { [self] failure in
            guard let failure else { return }
            logger.error("row not set to open", metadata: ["session": "\(id)", "reason": "\(failure)"])
            Task {
                try? await Task.sleep(for: Self.confirmationPause)
                if registry.session(id: id)?.isClosing == false { confirmOpen(id: id) }
            }
        }
    }

    /// Moves a child of the leader into the session's cgroup.
    func enter(id: String, peer: Peer) async throws(Denial) {
        guard let live = registry.session(id: id), !live.isClosing, live.taggedBoot != nil else {
            throw Denial(.internalError, "session \(id) is not open")
        }
        do {
            guard try Processes.stat(peer.process.pid).parent == live.session.leader.pid else {
                throw Denial(.internalError, "process \(peer.process.pid) is no child of the leader of session \(id)")
            }
            let remaining = (longestEnd(live.session) - SystemClock.boottimeNanoseconds()) / 1_000_000_000
            let cgroups = cgroups
            try await threads.runIfActive {
                try cgroups.enter(live.session, pid: peer.process.pid, remaining: max(1, remaining))
            }
        } catch {
            await end(id: id, .notEntered)
            throw error as? Denial ?? Denial(.internalError, "\(error)")
        }
        let open = registry.update(id: id) { live in
            live.entered = true
            return !live.isClosing
        }
        guard open == true else { throw Denial(.internalError, "session \(id) ended meanwhile") }
        evidence.note(.entered(live.session, pid: peer.process.pid))
    }

    private func requireLeader(id: String, _ peer: Peer) throws(Denial) {
        guard let live = registry.session(id: id) else {
            throw Denial(.internalError, "there is no live session \(id)")
        }
        guard live.session.leader == peer.process else {
            throw Denial(.internalError, "process \(peer.process.pid) is not the leader of session \(id)")
        }
    }

    // MARK: End

    /// The leader closes its session; also an answer to a leader that was asked to end.
    func close(id: String, peer: Peer) async throws(Denial) {
        // A session that is closed for good has no leader to ask, but its leader may be on its way out.
        guard registry.session(id: id) != nil else { return }
        try requireLeader(id: id, peer)
        await end(id: id, .closed)
    }

    /// Begins the end; returns once `closing` is on the disk. Every cause comes through here. A second one while
    /// the first is at work changes nothing.
    ///
    /// - Returns: whether this cause is the one that ends the session.
    @discardableResult
    func end(id: String, _ cause: EndCause) async -> Bool {
        let now = SystemClock.realtimeSeconds()
        let session = registry.update(id: id) { live -> Session? in
            guard !live.isClosing else { return nil }
            live.session.state = .closing
            live.session.endedAt = now
            live.session.endReason = cause.reason
            live.session.endedBy = cause.by
            return live.session
        }
        guard let session = session ?? nil else { return false }
        // The revocation is on the disk: an agent that starts again would end the session for it.
        let killed = cause.kind == .revoked ? await killAtOnce(session) : []
        evidence.note(.ended(session, cause))
        var rowSaysSo = false
        do {
            try await store.beginClosing(id: id, reason: cause.reason, by: cause.by, at: now)
            rowSaysSo = true
        } catch {
            // The session ends all the same; the teardown writes the row as soon as the disk lets it.
            logger.error("row not set to closing", metadata: ["session": "\(id)", "reason": "\(error)"])
        }
        tearDown(session, cause, rowSaysSo: rowSaysSo, killed: killed)
        return true
    }

    /// Before the row says `closing`: an end that nobody can lose need not wait for the disk a second time.
    ///
    /// - Returns: what was there to be killed, for the receipt.
    private func killAtOnce(_ session: Session) async -> [Finding] {
        let cgroups = cgroups
        do {
            return try await threads.runIfActive {
                var step = TeardownStep(name: .freeze)
                for pid in try cgroups.group(of: session).processes() { step.addProcess(pid) }
                try cgroups.kill(session)
                return step.removed
            }
        } catch {
            // The teardown does it again and says so when it cannot.
            logger.warning("not killed at once", metadata: ["session": "\(session.id)", "reason": "\(error)"])
            return []
        }
    }

    /// Does the teardown of a session that the registry has as `closing`.
    @discardableResult
    func tearDown(
        _ session: Session, _ cause: EndCause, rowSaysSo: Bool = false, killed: [Finding] = []
    ) -> Task<Void, Never> {
        Task(executorPreference: teardown.executor) {
            await self.teardown.run(session, cause: cause, rowSaysSo: rowSaysSo, killed: killed)
            self.registry.remove(id: session.id)
        }
    }

    /// The leader, or the login process of an admission, is gone.
    func loginProcessDied(handle: String) async {
        if let admission = registry.admission(handle: handle), registry.release(handle: handle) {
            await lapse(admission, "the login process ended")
        } else if let live = registry.session(handle: handle) {
            // An agent that was stopped, or slept with the host, finds what the watchdog did meanwhile.
            let isLate = SystemClock.boottimeNanoseconds() >= live.session.endsBoot
            let byWatchdog = isLate ? (try? Watchdog.hasEnded(live.id)) ?? false : false
            await end(id: live.id, byWatchdog ? .deadlineByWatchdog : .leaderDied)
        }
    }

    // MARK: Time and watching

    /// Watches the login process from the burn on; it will be the session's leader.
    func watch(_ admission: Admission) throws(SystemError) {
        let handle = admission.handle
        let identity = ProcessIdentity(pid: admission.login.pid, startTime: admission.login.startTime)
        try watcher.watch(identity) {
            // Most leaders die of a session that they closed.
            if self.registry.session(handle: handle)?.isClosing != true {
                Task { await self.loginProcessDied(handle: handle) }
            }
        }
    }

    /// Ends what is over at this moment of the boot clock, which nobody can set back: admissions that waited too
    /// long, openings that got stuck, sessions at their deadline. Called about twice a second, so that no session
    /// needs a timer of its own.
    func endOverdue(now: Int64, admissionLifetime: Int64) async {
        for admission in registry.admissions()
        where now - admission.admittedBoot > admissionLifetime * 1_000_000_000 {
            if registry.release(handle: admission.handle) {
                await lapse(admission, "no session was opened in time")
            }
        }
        // Together: they share commits, and none waits for another's.
        await withDiscardingTaskGroup { group in
            for live in registry.sessions() where !live.isClosing {
                guard let cause = overdue(live, now) else { continue }
                group.addTask { await self.end(id: live.id, cause) }
            }
        }
    }

    /// Ends everything, also what a login under way still opens, and waits for the teardowns as long as a host that goes
    /// down can.
    func endAll(_ cause: EndCause) async {
        let patience = ContinuousClock.now + Self.shutdownPatience
        while registry.sessionCount > 0, ContinuousClock.now < patience {
            // Nobody waits for the rows: a disk that takes none must not hold up the host.
            for live in registry.sessions() where !live.isClosing {
                Task { await end(id: live.id, cause) }
            }
            try? await Task.sleep(for: .milliseconds(20))
        }
    }

    private func overdue(_ live: LiveSession, _ now: Int64) -> EndCause? {
        if now >= live.session.endsBoot { return .deadline }
        guard let tagged = live.taggedBoot else {
            return now - live.session.openedBoot > Self.openingPatience ? .tagNotWritten : nil
        }
        guard live.session.admission.service == "sshd", !live.entered else { return nil }
        return now - tagged > Self.entryPatience ? .notEntered : nil
    }

    /// No session comes of it any more.
    func lapse(_ admission: Admission, _ reason: String) async {
        evidence.note(.lapsed(admission, reason: reason))
        do {
            try await store.lapse(handle: admission.handle)
            logger.info("admission lapsed", metadata: ["reason": "\(reason)"])
        } catch {
            logger.error("admission not set to lapsed", metadata: ["reason": "\(error)"])
        }
    }
}
