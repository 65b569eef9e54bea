// auditd's plugin: hands the kernel's audit events to the session agent. auditd(8) starts it as root.
import UsherAudit
import UsherSystem

/// The account that it runs as; sysusers.d makes it.
let account = "usher-audit"

do throws(SystemError) {
    guard CurrentProcess.arguments.count == 1 else {
        throw SystemError("start", refused: "usher-audit takes no arguments: auditd starts it with its events")
    }
    try Confinement.enter(account: account)
    let plugin = try AuditPlugin()
    guard try plugin.run() else {
        throw SystemError("end", refused: "events were left that the agent did not acknowledge")
    }
} catch {
    SystemLog.authentication(.error, identity: "usher-audit", error.description)
    StandardStreams.notify("usher-audit: \(error)\n")
    CurrentProcess.exit(1)
}
