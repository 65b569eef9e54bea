import CUsherLinux
import Glibc

/// A process pinned by a descriptor: signals reach it or nothing, whatever has its pid by then. See pidfd_open(2).
public final class PIDFD: Sendable {
    /// The pid as it was when the descriptor was made.
    public let pid: Int32
    private let owned: OwnedDescriptor

    init(pid: Int32, owned: consuming OwnedDescriptor) {
        self.pid = pid
        self.owned = owned
    }

    /// Readable once every thread of the process has ended: for poll and event loops, which must not close it.
    public var descriptor: Int32 { owned.rawValue }

    /// Pins whatever process has the pid now (ESRCH when none has).
    public static func open(_ pid: Int32) throws(SystemError) -> PIDFD {
        do throws(SystemError) {
            let descriptor = try SystemCall.run("pidfd_open \(pid)") { pidfd_open(pid, 0) }
            return PIDFD(pid: pid, owned: OwnedDescriptor(owning: descriptor))
        } catch  where error.errno == EINVAL {
            // What Linux 6.1 says of a process that is reaped during the call, and any kernel of a thread.
            throw SystemError("pidfd_open \(pid)", errno: ESRCH)
        }
    }

    /// Pins this very process; ESRCH when it is gone, also when another has its pid.
    public static func open(_ identity: ProcessIdentity) throws(SystemError) -> PIDFD {
        let pidfd = try open(identity.pid)
        // The start time is read after the process was pinned: if it matches, the pin holds the right one.
        guard try ProcessIdentity.current(identity.pid) == identity else {
            throw SystemError("pidfd_open \(identity.pid)", errno: ESRCH)
        }
        return pidfd
    }

    /// Sends a signal; false when the process has ended.
    @discardableResult
    public func sendSignal(_ signal: Int32) throws(SystemError) -> Bool {
        do throws(SystemError) {
            // No siginfo: the kernel makes the one that kill(2) sends.
            try SystemCall.run("signal \(signal) to \(pid)") {
                pidfd_send_signal(owned.rawValue, signal, nil, 0)
            }
            return true
        } catch let error where error.errno == ESRCH {
            return false
        }
    }

    /// Whether any thread of the process still runs. A zombie is not alive.
    public var isAlive: Bool {
        get throws(SystemError) { try !waitForExit(.after(milliseconds: 0)) }
    }

    /// Waits until the process has ended; false when the deadline comes first.
    public func waitForExit(_ deadline: Deadline) throws(SystemError) -> Bool {
        try deadline.wait(for: owned.rawValue, Int16(POLLIN), stage: "poll pidfd of \(pid)")
    }
}

/// Signal numbers for callers that do not import the C library.
public enum Signals {
    public static let hangup = SIGHUP
    public static let terminate = SIGTERM
    public static let kill = SIGKILL
    public static let stop = SIGSTOP
    public static let `continue` = SIGCONT
}
