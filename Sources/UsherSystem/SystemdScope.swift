/// A transient scope of systemd: where it is PID 1, it alone writes the cgroup tree. Spoken to through busctl and
/// systemctl, which every systemd host has, so that no bus library is linked.
public enum SystemdScope {
    private static let busctl = "/usr/bin/busctl"
    private static let systemctl = "/usr/bin/systemctl"

    /// The unit of a session.
    public static func unitName(_ session: String) -> String { "usher-\(session).scope" }

    /// Moves a process into a new scope `usher-SESSION.scope` in `usher.slice` and returns its cgroup once the
    /// process is in it. systemd itself ends the scope after `runtimeMaxSeconds`. A scope that has ended leaves
    /// nothing behind, failed or not.
    public static func start(
        session: String, pid: Int32, runtimeMaxSeconds: UInt64, description: String, root: String, deadline: Deadline
    ) throws(SystemError) -> ControlGroup {
        let stage = "start \(unitName(session))"
        guard ControlGroup.isValidName(session) else { throw SystemError(stage, refused: "not a session id") }
        let properties = [
            ["Description", "s", description],
            ["Slice", "s", "usher.slice"],
            ["PIDs", "au", "1", String(pid)],
            ["RuntimeMaxUSec", "t", String(runtimeMaxSeconds * 1_000_000)],
            ["CollectMode", "s", "inactive-or-failed"],
            // The agent kills; when systemd does at the limit, it need not be polite for long.
            ["TimeoutStopUSec", "t", "5000000"],
            ["SendSIGHUP", "b", "true"],
            // Stopped behind the agent when the host goes down: it ends the session, and knows why.
            ["Before", "as", "1", "usherd.service"],
        ]
        try run(
            stage, busctl,
            [
                "--system", "--timeout=\(max(1, deadline.remainingMilliseconds / 1000))", "call",
                "org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
                "StartTransientUnit", "ssa(sv)a(sa(sv))", unitName(session), "fail", String(properties.count),
            ] + properties.flatMap { $0 } + ["0"], deadline)
        // The answer is a queued job; the process has moved when its own cgroup says so.
        let suffix = "/" + unitName(session)
        while true {
            if let group = try ControlGroup.current(of: pid, root: root), group.membership.hasSuffix(suffix) {
                return group
            }
            guard !deadline.hasPassed else { throw SystemError(stage, refused: "the process is not in it") }
            SystemClock.sleep(milliseconds: 2)
        }
    }

    /// Kills every process of the scope, wherever in it.
    public static func kill(session: String, deadline: Deadline) throws(SystemError) {
        let unit = unitName(session)
        try run("kill \(unit)", systemctl, ["kill", "--kill-whom=all", "--signal=SIGKILL", unit], deadline)
    }

    /// Stops the unit without waiting for the end of its processes.
    public static func stop(session: String, deadline: Deadline) throws(SystemError) {
        let unit = unitName(session)
        try run("stop \(unit)", systemctl, ["--no-block", "stop", unit], deadline)
    }

    /// Stops a user's manager (`systemd --user`), which PID 1 runs outside every session's cgroup, and waits for
    /// it. logind's own sessions of the user end with their leaders. A user without one has nothing to stop.
    public static func stopUserManager(uid: UInt32, deadline: Deadline) throws(SystemError) {
        guard try Files.status("/run/systemd/users/\(uid)") != nil else { return }
        try run("stop the user manager of \(uid)", systemctl, ["stop", "user@\(uid).service"], deadline)
    }

    /// Runs a program as a transient service of its own, outside the caller's control group, which systemd clears when
    /// the caller ends. It is started again when it fails, and leaves nothing behind when it ends.
    public static func startService(
        _ unit: String, description: String, _ command: [String], deadline: Deadline
    ) throws(SystemError) {
        try run(
            "start \(unit)", "/usr/bin/systemd-run",
            [
                "--quiet", "--no-ask-password", "--collect", "--unit=\(unit)", "--description=\(description)",
                "--property=Restart=on-failure", "--property=RestartSec=1", "--",
            ] + command, deadline)
    }

    private static func run(
        _ stage: String, _ program: String, _ arguments: [String], _ deadline: Deadline
    ) throws(SystemError) {
        let result = try Subprocess.run(program, arguments, deadline: deadline)
        guard result.exitStatus == 0 else {
            let text = String(decoding: result.errorOutput.prefix(500), as: UTF8.self)
            throw SystemError(stage, refused: text.split(separator: "\n").first.map(String.init) ?? "failed")
        }
    }
}
