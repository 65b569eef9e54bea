internal import Logging
internal import NIOPosix
internal import UsherEvidence
internal import UsherStore
internal import UsherSystem

/// Ends a session whole: processes, leader, cgroup, home, account, audit, row, in this order. Every step can be
/// done again, is retried with back-off until it succeeds, and says so loudly when it does not.
struct Teardown: Sendable {
    let store: Store
    let accounts: Accounts
    let audit: Audit
    let cgroups: SessionCgroups
    let sweeper: Sweeper
    let threads: NIOThreadPool
    let receipts: Receipts
    let logger: Logger

    /// How long a leader that closed its own session, or was asked to end, may take: sshd's monitor writes
    /// USER_END and closes its connection in that time.
    private static let leaderPatience: Duration = .seconds(3)

    /// Returns when nothing of the session is left and its row says so.
    ///
    /// - Parameter rowSaysSo: whether the row is known to say `closing` with this cause.
    func run(_ session: Session, cause: EndCause, rowSaysSo: Bool) async {
        var logger = logger
        logger[metadataKey: "session"] = "\(session.id)"
        if !rowSaysSo {
            await TeardownRecord.untilDone("row closing", logger) { _ in try await markClosing(session, cause) }
        }
        var record = TeardownRecord(session: session.id, store: store, wasInterrupted: !rowSaysSo, logger: logger)
        await endProcesses(of: session, cause, &record)
        record.save()
        await removeBelongings(of: session, cause, &record)
        let report = TeardownReport(session: session, cause: cause, steps: record.steps)
        await TeardownRecord.untilDone("row closed", logger) { _ in try await close(report) }
        logger.info(
            "session closed",
            metadata: ["account": "\(session.admission.account)", "reason": "\(cause.reason)", "by": "\(cause.by)"])
    }

    private func endProcesses(of session: Session, _ cause: EndCause, _ record: inout TeardownRecord) async {
        let leader = ProcessIdentity(session.leader)
        await record.step(.processes) { _ in try await endProcesses(session, emptyPasses: 1, sparing: leader) }
        await record.step(.leader) { _ in try await endLeader(session, cause) }
        // Two in a row: a process that was forking during the first is in the second.
        await record.step(.noProcesses) { _ in try await endProcesses(session, emptyPasses: 2, sparing: nil) }
    }

    private func removeBelongings(of session: Session, _ cause: EndCause, _ record: inout TeardownRecord) async {
        await record.step(.cgroup) { _ in try await blocking { try cgroups.remove(session) } }
        await record.step(.home) { _ in try await blocking { try accounts.removeHome(session.admission) } }
        await record.step(.account) { _ in try accounts.withdraw(session.admission) }
        await record.step(.audit) { _ in
            try audit.write(.deleteUser, SessionTexts.accountEnd(session, cause: cause))
        }
    }

    /// The disk refused it when the end began, or the row is of an earlier run.
    private func markClosing(_ session: Session, _ cause: EndCause) async throws {
        guard let row = try store.session(id: session.id), row.state == .opening || row.state == .open else { return }
        try await store.beginClosing(
            id: session.id, reason: cause.reason, by: cause.by,
            at: session.endedAt ?? SystemClock.realtimeSeconds())
    }

    /// The cgroup is not part of it: the kernel itself kills a group whole and says when it is empty, so no pass has to
    /// read the group of every process of the host.
    private func match(_ session: Session) -> SessionMatch {
        SessionMatch(
            auditSession: session.auditSession,
            uid: session.admission.kind == .ephemeral ? session.admission.uid : nil)
    }

    /// Kills until the cgroup is empty and so many passes in a row over all processes find nothing but the one spared:
    /// by its start time too, as a process of the session could be given the pid of a leader that died.
    private func endProcesses(_ session: Session, emptyPasses: Int, sparing spared: ProcessIdentity?) async throws {
        if session.admission.kind == .ephemeral {
            try await blocking { try cgroups.endUserManager(session) }
        }
        let match = match(session)
        var empty = 0
        var pause = Duration.milliseconds(1)
        while empty < emptyPasses {
            let populated = try cgroups.isPopulated(session)
            if populated { try await blocking { try cgroups.kill(session) } }
            let processes = try await sweeper.processes(of: match).filter { pid in
                try pid != spared?.pid || spared?.exists != true
            }
            guard populated || !processes.isEmpty else {
                empty += 1
                continue
            }
            empty = 0
            try ProcessScan.signal(Signals.kill, processes, matching: match)
            try await Task.sleep(for: pause)
            pause = min(pause * 2, .milliseconds(200))
        }
    }

    /// The leader goes last, so that it can close its PAM session and say goodbye in the audit stream.
    private func endLeader(_ session: Session, _ cause: EndCause) async throws {
        let identity = ProcessIdentity(session.leader)
        guard let process = try leaderInSession(identity, session) else { return }
        if cause == .closed {
            if try await exits(process, within: Self.leaderPatience) { return }
            // A program that goes on after closing (and is in another session by now) is not ours to end.
            guard try leaderInSession(identity, session) != nil else { return }
        }
        _ = try process.sendSignal(Signals.terminate)
        if try await exits(process, within: Self.leaderPatience) { return }
        _ = try process.sendSignal(Signals.kill)
        guard try await exits(process, within: Self.leaderPatience) else {
            throw SystemError("end leader \(session.leader.pid)", refused: "it does not die")
        }
    }

    private func leaderInSession(_ identity: ProcessIdentity, _ session: Session) throws(SystemError) -> PIDFD? {
        guard try identity.exists else { return nil }
        do throws(SystemError) {
            let process = try PIDFD.open(identity)
            let stat = try Processes.stat(identity.pid)
            guard !stat.isZombie, try Processes.sessionID(identity.pid) == session.auditSession else { return nil }
            return process
        } catch let failure where failure.isNotFound {
            return nil
        }
    }

    private func exits(_ process: PIDFD, within patience: Duration) async throws -> Bool {
        let end = ContinuousClock.now + patience
        var pause = Duration.milliseconds(2)
        while try process.isAlive {
            guard ContinuousClock.now < end else { return false }
            try await Task.sleep(for: pause)
            pause = min(pause * 2, .milliseconds(100))
        }
        return true
    }

    private func blocking(_ body: @escaping @Sendable () throws -> Void) async throws {
        try await threads.runIfActive(body)
    }
}
