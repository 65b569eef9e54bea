internal import Logging
internal import UsherEvidence
internal import UsherStore
internal import UsherSystem

/// What runs: frozen, killed, and looked for until two passes over all processes find nothing.
extension Teardown {
    /// How long a leader that closed its own session, or was asked to end, may take: sshd's monitor writes
    /// USER_END and closes its connection in that time.
    private static let leaderPatience: Duration = .seconds(3)
    /// Milliseconds that a tree may take to stand still, before it is killed as it is.
    private static let freezingPatience = 20
    /// When processes that were killed and still live are told, and how often again.
    private static let dyingPatience: Duration = .seconds(5)
    private static let reminder: Duration = .seconds(60)

    func endProcesses(
        of session: Session, _ cause: EndCause, killed: [Finding], _ record: inout TeardownRecord
    ) async {
        let leader = ProcessIdentity(session.leader)
        await record.step(.freeze) { step in
            step.removed = killed
            try await freeze(session, &step)
        }
        await record.step(.processes) { step in
            try await kill(session)
            await endUserManager(session, cause)
            // A leader that closes its session is on its way out, and what is left is found behind it.
            if cause != .closed { try await endProcesses(session, emptyPasses: 1, sparing: leader, &step) }
        }
        await record.step(.leader) { step in try await endLeader(session, cause, &step) }
        await record.step(.jobs) { step in try await removeJobs(session, &step) }
        // Two in a row: a process that was forking during the first is in the second.
        await record.step(.noProcesses) { step in
            try await endProcesses(session, emptyPasses: 2, sparing: nil, &step)
        }
    }

    /// What stands still can be named, and does nothing more. The killing itself needs no freezing: the kernel kills
    /// a group whole, whatever forks in it.
    private func freeze(_ session: Session, _ step: inout TeardownStep) async throws {
        guard try cgroups.isPopulated(session) else { return }
        try cgroups.freeze(session, milliseconds: Self.freezingPatience)
        for pid in try cgroups.group(of: session).processes() { step.addProcess(pid) }
    }

    private func kill(_ session: Session) async throws {
        if try cgroups.isPopulated(session) { try cgroups.kill(session) }
    }

    /// Asked to stop before its processes are killed with all others of the uid, as systemd would keep it as a failed
    /// unit. When systemd does not answer, they are killed all the same. A host that goes down stops it behind logind's
    /// session, and that behind the agent (session-.scope.d): waiting for it would be waiting for ourselves.
    private func endUserManager(_ session: Session, _ cause: EndCause) async {
        guard session.admission.kind == .ephemeral, cause.kind != .hostShutdown else { return }
        do {
            try cgroups.endUserManager(session)
        } catch {
            logger.error(
                "user manager not stopped", metadata: ["session": "\(session.id)", "reason": "\(error)"])
        }
    }

    /// The cgroup is not part of it: the kernel itself kills a group whole and says when it is empty, so no pass has to
    /// read the group of every process of the host. The loginuid of an account that is the session's alone says more
    /// than the audit session: what cron or at started in its name has another `ses` and the same loginuid.
    private func match(_ session: Session) -> SessionMatch {
        let uid = session.admission.uid
        return session.admission.kind == .ephemeral
            ? SessionMatch(uid: uid, loginUID: uid) : SessionMatch(auditSession: session.auditSession)
    }

    /// Kills until the cgroup is empty and so many passes in a row over all processes find nothing but the one spared:
    /// by its start time too, as a process of the session could be given the pid of a leader that died.
    private func endProcesses(
        _ session: Session, emptyPasses: Int, sparing spared: ProcessIdentity?, _ step: inout TeardownStep
    ) async throws {
        let match = match(session)
        let start = ContinuousClock.now
        var told = start
        var seen: Set<Int32> = []
        var empty = 0
        var pause = Duration.milliseconds(1)
        while empty < emptyPasses {
            let populated = try cgroups.isPopulated(session)
            if populated { try cgroups.kill(session) }
            let processes = try await sweeper.processes(of: match).filter { pid in
                try pid != spared?.pid || spared?.exists != true
            }
            guard populated || !processes.isEmpty else {
                empty += 1
                continue
            }
            empty = 0
            for pid in processes where seen.insert(pid).inserted { step.addProcess(pid) }
            if let uid = match.uid, spared == nil, !processes.isEmpty {
                // First, and in one go: what forks faster than passes go does not outrun it.
                try ProcessScan.killAll(of: uid)
            }
            try ProcessScan.signal(Signals.kill, processes, matching: match)
            let now = ContinuousClock.now
            if now - start > Self.dyingPatience, now - told > (told == start ? .zero : Self.reminder) {
                told = now
                tellAlive(session, processes)
            }
            try await Task.sleep(for: pause)
            pause = min(pause * 2, now - start > Self.dyingPatience ? .seconds(2) : .milliseconds(200))
        }
    }

    /// A process in an uninterruptible wait dies when that ends. Its session stays `closing`; no other waits for it.
    private func tellAlive(_ session: Session, _ processes: [Int32]) {
        let names = processes.prefix(16).map { pid -> String in
            guard let stat = try? Processes.stat(pid) else { return "\(pid)" }
            return "\(pid) \(TeardownStep.name(of: stat)) (\(String(decoding: [stat.state], as: UTF8.self)))"
        }
        logger.critical(
            "killed processes do not die: the session stays closing",
            metadata: [
                "session": "\(session.id)", "count": "\(processes.count)",
                "processes": "\(names.joined(separator: ", "))",
            ])
    }

    /// The leader goes last, so that it can close its PAM session and say goodbye in the audit stream.
    private func endLeader(_ session: Session, _ cause: EndCause, _ step: inout TeardownStep) async throws {
        let identity = ProcessIdentity(session.leader)
        guard let process = try leaderInSession(identity, session) else { return }
        if cause == .closed {
            if try await exits(process, within: Self.leaderPatience) { return }
            // A program that goes on after closing (and is in another session by now) is not ours to end.
            guard try leaderInSession(identity, session) != nil else { return }
        }
        step.addProcess(session.leader.pid)
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
}

extension TeardownStep {
    /// How many processes are told one by one.
    private static let named = 24

    /// Adds a process that is about to be ended.
    mutating func addProcess(_ pid: Int32) {
        if let others = removed.firstIndex(where: { $0.kind == "process" && $0.what == "others" }) {
            removed[others].count += 1
        } else if removed.count(where: { $0.kind == "process" }) == Self.named {
            removed.append(Finding(kind: "process", what: "others"))
        } else if let stat = try? Processes.stat(pid), !stat.isZombie {
            let finding = Finding(kind: "process", what: "\(pid) \(Self.name(of: stat))")
            if !removed.contains(finding) { removed.append(finding) }
        }
    }

    /// The name that the process may have given itself, without what could steer a terminal.
    static func name(of stat: ProcessStat) -> String {
        ResidueTally.printable(stat.command)
    }
}
