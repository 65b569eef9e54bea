internal import Logging
internal import UsherStore
internal import UsherSystem

/// The second hand on the end times: a process that outlives a killed, stopped or hanging agent and ends sessions that
/// are `grace` past their deadline. It knows the agent's list and nothing else, kills and does nothing else; the rest of
/// the teardown is the next agent's.
///
/// It serves one agent. It ends when another agent has written the list (which has a watchdog of its own), and when its
/// agent is gone and no session is left to end.
public struct Watchdog {
    /// Nanoseconds that an agent may take to end a session itself.
    static let grace: Int64 = 5_000_000_000
    private static let pause = 500

    private let agent: ProcessIdentity
    private let bootID: String
    private let cgroups: SessionCgroups
    private let logger: Logger
    /// Sessions of which nothing is left to kill.
    private var over: Set<String> = []
    private var told: Set<String> = []

    /// - Parameter agent: whom it serves, `PID:START` as `argument(for:)` writes it.
    public static func run(agent: String) throws {
        LoggingSystem.bootstrap { _ in StandardErrorLog() }
        let parts = agent.split(separator: ":")
        guard parts.count == 2, let pid = Int32(parts[0]), let start = UInt64(parts[1]) else {
            throw SystemError("watchdog", refused: "not PID:START of an agent")
        }
        guard CurrentProcess.effectiveUserID == 0 else {
            throw SystemError("watchdog", refused: "usherd must run as root")
        }
        // Whoever looks for the agent by its name must not find this.
        try CurrentProcess.setName("usher-watchdog")
        var watchdog = Watchdog(
            agent: ProcessIdentity(pid: pid, startTime: start), bootID: try SystemClock.bootID(),
            cgroups: try SessionCgroups(), logger: Logger(label: "usherd-watchdog"))
        try watchdog.run()
    }

    static func argument(for agent: ProcessIdentity) -> String { "\(agent.pid):\(agent.startTime)" }

    private init(agent: ProcessIdentity, bootID: String, cgroups: SessionCgroups, logger: Logger) {
        self.agent = agent
        self.bootID = bootID
        self.cgroups = cgroups
        self.logger = logger
    }

    private mutating func run() throws(SystemError) {
        // The former agent's watchdog serves until this agent has written its list.
        var lock: InstanceLock?
        while lock == nil {
            lock = try InstanceLock.acquire(directory: DeadlineList.directory)
            if lock == nil {
                // Another agent may have come and gone before it wrote anything.
                if try !agent.exists, try readList()?.agent != agent { return }
                SystemClock.sleep(milliseconds: Self.pause)
            }
        }
        defer { withExtendedLifetime(lock) {} }
        var complained = false
        while true {
            do throws(SystemError) {
                guard try look() else { return }
                complained = false
            } catch {
                if !complained { logger.error("cannot look after deadlines", metadata: ["reason": "\(error)"]) }
                complained = true
            }
            SystemClock.sleep(milliseconds: Self.pause)
        }
    }

    /// False when it is not needed any more.
    private mutating func look() throws(SystemError) -> Bool {
        let agentLives = try agent.exists
        guard let list = try readList() else { return agentLives }
        guard list.bootID == bootID else { return false }
        // Its own agent may not have written its list yet.
        guard list.agent == agent || agentLives else { return false }
        if list.agent != agent, try list.agent.exists { return false }
        let now = SystemClock.boottimeNanoseconds()
        for session in list.sessions where !over.contains(session.id) && now >= session.endsBoot + Self.grace {
            try end(session)
        }
        return agentLives || list.sessions.contains { !over.contains($0.id) }
    }

    private func readList() throws(SystemError) -> DeadlineList? {
        do throws(SystemError) {
            let bytes = try Files.read(DeadlineList.path, limit: DeadlineList.longest, rules: .rootSecret)
            guard let list = DeadlineList(String(decoding: bytes, as: UTF8.self)) else {
                throw SystemError("read \(DeadlineList.path)", refused: "not in the form that the agent writes")
            }
            return list
        } catch let failure where failure.isNotFound {
            return nil
        }
    }

    /// Kills what the session's cgroup, `ses` and uid name. Each process is pinned before it is judged, so that nothing
    /// is hit that has got a dead one's pid; the cgroup follows from the session's id.
    private mutating func end(_ session: SessionDeadline) throws(SystemError) {
        let group = cgroups.group(ofSession: session.id)
        let match = SessionMatch(auditSession: session.auditSession, uid: session.uid)
        let populated = try group.isPopulated
        if populated { try group.kill() }
        let processes = try ProcessScan.find(matching: [match])[0]
        guard populated || !processes.isEmpty else {
            over.insert(session.id)
            return
        }
        // Before the kill: the next agent reads it as the cause.
        try Files.writeAtomically(Self.record(of: session.id), [], mode: 0o600)
        try ProcessScan.signal(Signals.kill, processes, matching: match)
        // Once: a process that cannot die now is killed again until it does.
        if told.insert(session.id).inserted {
            logger.critical(
                "session ended at its deadline: the agent did not",
                metadata: ["session": "\(session.id)", "processes": "\(processes.count)"])
        }
    }

    /// Says that the watchdog ended a session.
    private static func record(of id: String) -> String { "\(DeadlineList.directory)/ended.\(id)" }

    /// Whether the watchdog ended the session; it can be asked once.
    static func hasEnded(_ id: String) throws(SystemError) -> Bool {
        try Files.remove(record(of: id))
    }
}
