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
    let description = "deadline keeper"

    func run() async throws {
        let agent = try ProcessIdentity.current(CurrentProcess.pid)
        try Files.makeDirectory(DeadlineList.directory, mode: 0o700)
        for left in try Files.list(DeadlineList.directory) where left.hasPrefix("ended.") {
            try Files.remove("\(DeadlineList.directory)/\(left)")
        }
        await cancelWhenGracefulShutdown {
            var isStarted = false
            var child: Int32?
            var written: DeadlineList?
            while !Task.isCancelled {
                do throws(SystemError) {
                    if let pid = child, ResidentProcess.hasEnded(pid) {
                        logger.warning("the watchdog ended; another one starts")
                        isStarted = false
                    }
                    if !isStarted {
                        child = try start(for: agent)
                        isStarted = true
                    }
                    let list = DeadlineList(
                        bootID: bootID, agent: agent, sessions: registry.sessions().map { SessionDeadline($0.session) })
                    if list != written {
                        try Files.writeAtomically(DeadlineList.path, Array(list.text.utf8), mode: 0o600)
                        written = list
                    }
                } catch {
                    logger.error("no second hand on the deadlines", metadata: ["reason": "\(error)"])
                    try? await Task.sleep(for: .seconds(5))
                }
                try? await Task.sleep(for: .milliseconds(500))
            }
        }
    }

    /// Its pid, to be collected; nil where it is systemd's, which also starts it again.
    private func start(for agent: ProcessIdentity) throws(SystemError) -> Int32? {
        let argument = Watchdog.argument(for: agent)
        guard hasSystemd else { return try ResidentProcess.start(name: "usherd", ["--watchdog", argument]) }
        try SystemdScope.startService(
            "usher-watchdog-\(agent.pid)-\(agent.startTime).service", description: "Deadlines of Usher's sessions",
            [try Processes.executable(agent.pid), "--watchdog", argument], deadline: .after(milliseconds: 4000))
        return nil
    }
}
