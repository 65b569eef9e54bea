// The login shell of every ephemeral account: becomes the role's shell, or refuses.
import UsherSystem

/// Exit statuses of POSIX shells for what cannot be executed, and for what does not exist.
let cannotExecute: Int32 = 126
let notFound: Int32 = 127

let shell: String
do throws(LoginShell.Refusal) {
    let session: UInt32?
    do throws(SystemError) {
        session = try Processes.sessionID(CurrentProcess.pid)
    } catch {
        throw LoginShell.Refusal(reason: "the audit session is not known: \(error)")
    }
    shell = try LoginShell.path(uid: CurrentProcess.realUserID, auditSession: session)
} catch {
    SystemLog.authentication(.warning, identity: LoginShell.identity, "refused: \(error.reason)")
    StandardStreams.notify("usher-shell: refused, this account has no live session here\n")
    CurrentProcess.exit(cannotExecute)
}

do throws(SystemError) {
    try Execution.replace(
        shell, arguments: LoginShell.arguments(CurrentProcess.arguments, shell: shell),
        environment: LoginShell.environment(CurrentProcess.environment, shell: shell))
} catch {
    SystemLog.authentication(.error, identity: LoginShell.identity, error.description)
    StandardStreams.notify("usher-shell: \(error)\n")
    CurrentProcess.exit(error.isNotFound ? notFound : cannotExecute)
}
