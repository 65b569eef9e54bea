internal import UsherStore
internal import UsherSystem

/// Looks at what a session does and speaks on its terminals. Blocks for as long as /proc takes; never on a terminal.
struct SessionActivity: Sendable {
    let cgroups: SessionCgroups

    /// What is seen of a session now; nil when its leader is gone.
    func reading(_ session: Session, _ judge: IdleJudge) throws(SystemError) -> ActivityReading? {
        let now = SystemClock.boottimeNanoseconds()
        do throws(SystemError) {
            guard try ProcessIdentity(session.leader).exists else { return nil }
            var uses: [TerminalUse] = []
            for (device, path) in try Terminal.devices(of: session.leader.pid, name: session.admission.terminal) {
                if let use = try Terminal.use(device, at: path) { uses.append(use) }
            }
            var processes: [ProcessUse]?
            if judge.needsProcesses(hasTerminal: !uses.isEmpty, at: now) {
                processes = try ProcessUse.of(cgroups.group(of: session), orDescendantsOf: session.leader.pid)
            }
            return ActivityReading(
                at: now, wall: SystemClock.realtimeSeconds(), terminals: uses, processes: processes)
        } catch let failure where failure.isNotFound {
            return nil
        }
    }

    /// Shows a line on the session's terminals that belong to its account; on another's (su and sudo) nobody of the
    /// session may be looking. Returns on how many it stands.
    func show(_ line: String, to session: Session) throws(SystemError) -> Int {
        var shown = 0
        for (device, path) in try Terminal.devices(of: session.leader.pid, name: session.admission.terminal) {
            guard let terminal = try Terminal.open(device, at: path), terminal.owner == session.admission.uid else {
                continue
            }
            // In front of it, whatever the program on the screen has written last.
            if try terminal.show("\r\n\(line)\r\n") { shown += 1 }
        }
        return shown
    }
}
