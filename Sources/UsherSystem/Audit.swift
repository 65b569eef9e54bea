import CUsherLinux
import Glibc
import Synchronization

/// The kernel's audit: its state, and user records. Sockets are kept; calls may come from any thread.
///
/// A write can take as long as the kernel's backlog_wait_time when auditd does not keep up; it does not belong on
/// an event loop.
public final class Audit: Sendable {
    /// What AUDIT_GET answers.
    public struct Status: Sendable, Equatable {
        /// 0 off, 1 on, 2 on and locked until the next boot.
        public var enabled: UInt32
        /// What the kernel does when a record cannot be kept: 0 silent, 1 printk, 2 panic.
        public var failure: UInt32
        /// auditd's pid; 0 when none has registered.
        public var daemonPID: UInt32
        /// Records a second; 0 is unlimited.
        public var rateLimit: UInt32
        public var backlogLimit: UInt32
        /// Records lost since boot.
        public var lost: UInt32
        /// Records that wait now.
        public var backlog: UInt32

        public init(
            enabled: UInt32, failure: UInt32, daemonPID: UInt32, rateLimit: UInt32, backlogLimit: UInt32, lost: UInt32,
            backlog: UInt32
        ) {
            self.enabled = enabled
            self.failure = failure
            self.daemonPID = daemonPID
            self.rateLimit = rateLimit
            self.backlogLimit = backlogLimit
            self.lost = lost
            self.backlog = backlog
        }

        /// Records reach a daemon that keeps them.
        public var isRecording: Bool { enabled != 0 && daemonPID != 0 }

        /// Far from where the kernel lets those wait who write records (kernel/audit.c, audit_log_start).
        public var isKeepingUp: Bool { backlogLimit == 0 || backlog < backlogLimit / 2 }
    }

    /// Record types of linux/audit.h and libaudit.h that Usher writes.
    public enum RecordType: Int32, Sendable {
        /// AUDIT_USER_MGMT: the tag of a session.
        case userManagement = 1102
        /// AUDIT_ADD_USER: an ephemeral account begins.
        case addUser = 1114
        /// AUDIT_DEL_USER: an ephemeral account ends.
        case deleteUser = 1115
    }

    /// The kernel cuts and libaudit truncates beyond this without an error; see Docs/Architecture.md.
    public static let textBytes = 8000

    // Two sockets: acknowledgements of records and answers about the state do not mix. libaudit keeps static
    // state between calls, hence the lock around it and not only around the descriptor.
    private let records: Mutex<OwnedDescriptor>
    private let queries: Mutex<OwnedDescriptor>
    private let latest = Mutex<(status: Status, at: Int64)?>(nil)

    /// Opens the sockets. Fails where the kernel has no audit (EPROTONOSUPPORT).
    public init() throws(SystemError) {
        let first = try SystemCall.run("open audit socket") { usher_audit_open() }
        records = Mutex(OwnedDescriptor(owning: first))
        let second = try SystemCall.run("open audit socket") { usher_audit_open() }
        queries = Mutex(OwnedDescriptor(owning: second))
    }

    /// Asks the kernel; ETIMEDOUT when it does not answer in time.
    public func status(timeoutMilliseconds: Int32 = 1000) throws(SystemError) -> Status {
        try queries.withLock { socket throws(SystemError) in
            var status = usher_audit_status()
            // `status` is a local value that the call fills.
            try SystemCall.run("audit status") {
                unsafe usher_audit_get_status(socket.rawValue, timeoutMilliseconds, &status)
            }
            return Status(
                enabled: status.enabled, failure: status.failure, daemonPID: status.daemon_pid,
                rateLimit: status.rate_limit, backlogLimit: status.backlog_limit, lost: status.lost,
                backlog: status.backlog)
        }
    }

    /// The state as it is, or was at most so many milliseconds ago: the kernel starts a thread for each answer.
    public func status(noOlderThanMilliseconds age: Int64) throws(SystemError) -> Status {
        let now = SystemClock.boottimeNanoseconds()
        if let latest = latest.withLock({ $0 }), now - latest.at < age * 1_000_000 { return latest.status }
        let status = try status()
        latest.withLock { $0 = (status, now) }
        return status
    }

    /// The rules that the kernel has loaded and whose text (key or path) contains the prefix of their keys, as the kernel
    /// gives them: to be compared, not to be read. At most 16 MiB, some 15,000 rules (EMSGSIZE).
    public func rules(withKeyPrefix prefix: String, timeoutMilliseconds: Int32 = 1000) throws(SystemError) -> [UInt8] {
        var capacity = 1 << 16
        while true {
            do throws(SystemError) {
                return try rules(withKeyPrefix: prefix, timeoutMilliseconds, capacity: capacity)
            } catch let failure where failure.errno == EMSGSIZE && capacity < 1 << 24 {
                capacity *= 4
            }
        }
    }

    private func rules(
        withKeyPrefix prefix: String, _ timeoutMilliseconds: Int32, capacity: Int
    ) throws(SystemError) -> [UInt8] {
        try queries.withLock { socket throws(SystemError) in
            // What an earlier answer had more than was taken is skipped by its number.
            var bytes = [UInt8](repeating: 0, count: capacity)
            let count = try SystemCall.run("list audit rules") {
                // The prefix is a NUL-terminated copy, and the buffer is the whole array, for the call.
                unsafe bytes.withUnsafeMutableBytes {
                    unsafe usher_audit_list_rules(
                        socket.rawValue, timeoutMilliseconds, prefix, $0.baseAddress, Int32($0.count))
                }
            }
            bytes.removeLast(bytes.count - Int(count))
            return bytes
        }
    }

    /// Writes one record; libaudit appends exe, hostname, addr, terminal and res. Values in `text` must be of a safe
    /// character set: libaudit does not encode `'`, which would end the message.
    public func write(_ type: RecordType, _ text: String, success: Bool = true) throws(SystemError) {
        guard text.utf8.count <= Audit.textBytes else {
            throw SystemError("write audit record", refused: "longer than \(Audit.textBytes) bytes")
        }
        guard text.utf8.allSatisfy({ byte in byte >= 0x20 && byte < 0x7F && byte != UInt8(ascii: "'") }) else {
            throw SystemError("write audit record", refused: "contains a byte that auditd would misread")
        }
        try records.withLock { socket throws(SystemError) in
            // The text is a NUL-terminated copy that lives for the call.
            _ = try SystemCall.run("write audit record") {
                unsafe usher_audit_write(socket.rawValue, type.rawValue, text, success ? 1 : 0)
            }
        }
    }
}
