import Glibc

/// systemd as the process that started the agent.
public enum ServiceManager {
    /// Whether systemd is the host's PID 1; see sd_booted(3).
    public static var isSystemdBooted: Bool {
        get throws(SystemError) { try Files.status("/run/systemd/system")?.kind == .directory }
    }

    /// Tells the service manager, as sd_notify(3) does: `READY=1`, `STOPPING=1`, `RELOADING=1`, `WATCHDOG=1`,
    /// `STATUS=…`, lines separated by a line feed. False when no manager asked to be told.
    @discardableResult
    public static func notify(_ state: String) throws(SystemError) -> Bool {
        guard let path = CurrentProcess.variable("NOTIFY_SOCKET"), !path.isEmpty else { return false }
        return try notify(state, socketPath: path)
    }

    static func notify(_ state: String, socketPath path: String) throws(SystemError) -> Bool {
        let stage = "notify service manager"
        let address = try SocketAddress(path, stage: stage)
        let type = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = OwnedDescriptor(owning: try SystemCall.run(stage) { socket(AF_UNIX, type, 0) })
        // The pointer and the length are those of the address, for the call.
        try SystemCall.run(stage) { unsafe address.withPointer { unsafe connect(descriptor.rawValue, $0, $1) } }
        let bytes = Array(state.utf8)
        // A manager that does not read must not hold the agent up.
        guard try Deadline.after(milliseconds: 1000).wait(for: descriptor.rawValue, Int16(POLLOUT), stage: stage) else {
            throw SystemError(stage, errno: ETIMEDOUT)
        }
        try SystemCall.run(stage) {
            // The pointer and the count are those of the array that the closure holds.
            unsafe bytes.withUnsafeBytes { buffer in
                unsafe send(descriptor.rawValue, buffer.baseAddress, buffer.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
            }
        }
        return true
    }
}
