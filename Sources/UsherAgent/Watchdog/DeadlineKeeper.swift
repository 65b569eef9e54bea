internal import Logging
internal import ServiceLifecycle
internal import UsherStore
internal import UsherSystem

/// The agent's side of the watchdog: writes the list of deadlines when it has changed, and keeps a watchdog running. At
/// most half a second passes from a login, an extension or an end until the list says so; no login waits for it.
struct DeadlineKeeper: Service, CustomStringConvertible {
    let registry: Registry
    let bootID: String
    let hasSystemd: Bool
    let logger: Logger
    private let agent: ProcessIdentity
    let description = "deadline keeper"

    /// Makes the directory, and clears what a watchdog left for an agent that has read it.
    init(registry: Registry, bootID: String, hasSystemd: Bool, logger: Logger) throws(SystemError) {
        self.registry = registry
        self.bootID = bootID
        self.hasSystemd = hasSystemd
        self.logger = logger
        agent = try ProcessIdentity.current(CurrentProcess.pid)
        try Files.makeDirectory(DeadlineList.directory, mode: 0o700)
        for left in try Files.list(DeadlineList.directory) where left.hasPrefix("ended.") {
            do throws(SystemError) {
                try Files.remove("\(DeadlineList.directory)/\(left)")
            } catch {
                // Of a session that is over: nobody asks for it again.
                logger.warning("a word of the watchdog stays", metadata: ["reason": "\(error)"])
            }
        }
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var isStarted = false
            var child: Int32?
            var written: [SessionDeadline]?
            while !Task.isCancelled {
                do throws(SystemError) {
                    if let pid = child, ResidentProcess.hasEnded(pid) {
                        logger.warning("the watchdog ended; another one starts")
                        isStarted = false
                    }
                    if !isStarted {
                        child = try start()
                        isStarted = true
                    }
                    let deadlines = deadlines()
                    if deadlines != written {
                        try write(deadlines)
                        written = deadlines
                    }
                } catch {
                    logger.error("no second hand on the deadlines", metadata: ["reason": "\(error)"])
                    try? await Task.sleep(for: .seconds(5))
                }
                try? await Task.sleep(for: .milliseconds(500))
            }
        }
    }

    /// What the agent leaves to the watchdog when it stops.
    func finish() {
        do throws(SystemError) {
            try write(deadlines())
        } catch {
            logger.error("the watchdog is not told the last deadlines", metadata: ["reason": "\(error)"])
        }
    }

    private func deadlines() -> [SessionDeadline] {
        registry.sessions().map { SessionDeadline($0.session) }
    }

    private func write(_ deadlines: [SessionDeadline]) throws(SystemError) {
        let list = DeadlineList(bootID: bootID, agent: agent, sessions: deadlines)
        try Files.writeAtomically(DeadlineList.path, Array(list.text.utf8), mode: 0o600)
    }

    /// Its pid, to be collected; nil where it is systemd's, which also starts it again.
    private func start() throws(SystemError) -> Int32? {
        let argument = Watchdog.argument(for: agent)
        guard hasSystemd else { return try ResidentProcess.start(name: "usherd", ["--watchdog", argument]) }
        try SystemdScope.startService(
            "usher-watchdog-\(agent.pid)-\(agent.startTime).service", description: "Deadlines of Usher's sessions",
            [try Processes.executable(agent.pid), "--watchdog", argument], deadline: .after(milliseconds: 4000))
        return nil
    }
}
