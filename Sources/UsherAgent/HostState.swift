internal import Logging
internal import UsherSystem

/// Whether the agent was stopped alone, or with the host.
enum HostState {
    private static let systemctl = "/usr/bin/systemctl"

    /// Asks systemd, which says `stopping` as soon as shutdown.target is to be started (systemctl(1),
    /// is-system-running), whether for halt, reboot or kexec. Where no systemd runs, nobody can be asked.
    static func isShuttingDown(_ logger: Logger) -> Bool {
        do throws(SystemError) {
            guard try ServiceManager.isSystemdBooted else { return false }
            let answer = try Subprocess.run(
                systemctl, ["is-system-running"], deadline: .after(milliseconds: 4000))
            return saysStopping(answer.output)
        } catch {
            logger.error("cannot tell a shutdown from a restart", metadata: ["reason": "\(error)"])
            return false
        }
    }

    static func saysStopping(_ answer: [UInt8]) -> Bool {
        answer.elementsEqual("stopping\n".utf8)
    }
}
