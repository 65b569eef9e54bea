import Glibc

/// A process for good: a pid is given again, a pid with its start time is not.
public struct ProcessIdentity: Hashable, Sendable {
    public var pid: Int32
    /// Clock ticks (1/100 s) from the host's start to the process's; field 22 of /proc/PID/stat.
    public var startTime: UInt64

    public init(pid: Int32, startTime: UInt64) {
        self.pid = pid
        self.startTime = startTime
    }

    /// The process that has the pid now.
    public static func current(_ pid: Int32) throws(SystemError) -> ProcessIdentity {
        try Processes.stat(pid).identity
    }

    /// Whether this very process still exists, if only as a zombie.
    public var exists: Bool {
        get throws(SystemError) {
            do throws(SystemError) {
                return try ProcessIdentity.current(pid) == self
            } catch let error where error.isNotFound {
                return false
            }
        }
    }
}

/// What /proc/PID/stat says; see proc_pid_stat(5).
public struct ProcessStat: Sendable, Equatable {
    public var identity: ProcessIdentity
    /// The executable's name as the process may have changed it, at most 15 bytes.
    public var command: [UInt8]
    /// `R`, `S`, `D`, `T`, `t`, `Z`, `X` or `I`.
    public var state: UInt8
    public var parent: Int32
    public var threads: Int
    public var isKernelThread: Bool
    /// Its controlling terminal; nil when it has none.
    public var terminal: DeviceNumber?
    /// Processor time of it and of the children it has waited for, in clock ticks (1/100 s).
    public var processorTicks: UInt64

    /// Nothing of it runs any more. A leader that has ended before its other threads shows state Z too, and is
    /// alive.
    public var isZombie: Bool {
        (state == UInt8(ascii: "Z") || state == UInt8(ascii: "X")) && threads <= 1
    }
}

/// What /proc/PID/status says of a process's identity.
public struct ProcessCredentials: Sendable, Equatable {
    public var realUID: UInt32
    public var effectiveUID: UInt32
    public var savedUID: UInt32
    public var fileSystemUID: UInt32
    public var realGID: UInt32
    public var effectiveGID: UInt32
    public var savedGID: UInt32
    public var fileSystemGID: UInt32
    public var supplementaryGroups: [UInt32]
    /// Bit mask, see capabilities(7).
    public var effectiveCapabilities: UInt64

    /// CAP_AUDIT_WRITE, number 29 in linux/capability.h.
    public var mayWriteAudit: Bool { effectiveCapabilities & (1 << 29) != 0 }
}

/// Single processes as /proc shows them. A process that does not exist gives an error with `isNotFound`.
public enum Processes {
    /// The kernel's word for a loginuid or audit session that was never set.
    public static let unset: UInt32 = .max

    public static func stat(_ pid: Int32) throws(SystemError) -> ProcessStat {
        let bytes = try read(pid, "stat", limit: 4096)
        guard let stat = ProcessParser.stat(bytes.span, pid: pid) else { throw unreadable(pid, "stat") }
        return stat
    }

    public static func status(_ pid: Int32) throws(SystemError) -> ProcessCredentials {
        // 65536 groups of at most 11 bytes, and the rest.
        let file = try Files.readKernelFile("/proc/\(pid)/status", limit: 1 << 20)
        guard let credentials = ProcessParser.credentials(file.span) else { throw unreadable(pid, "status") }
        return credentials
    }

    /// The audit session (`ses`) of a process; nil when it has none.
    public static func sessionID(_ pid: Int32) throws(SystemError) -> UInt32? {
        try auditNumber(pid, "sessionid")
    }

    /// The login uid (`auid`) of a process; nil when it has none.
    public static func loginUID(_ pid: Int32) throws(SystemError) -> UInt32? {
        try auditNumber(pid, "loginuid")
    }

    /// Bytes written, and bytes read from storage, since the process began; see `ProcessUse`.
    static func transfers(_ pid: Int32) throws(SystemError) -> (written: UInt64, readFromStorage: UInt64) {
        let bytes = try read(pid, "io", limit: 1024)
        guard let transfers = ProcessParser.transfers(bytes.span) else { throw unreadable(pid, "io") }
        return transfers
    }

    /// The path of the executable, with ` (deleted)` behind it when the file is gone.
    public static func executable(_ pid: Int32) throws(SystemError) -> String {
        try target(of: "/proc/\(pid)/exe")
    }

    /// Where a link of /proc leads now.
    static func target(of link: String) throws(SystemError) -> String {
        var target = [CChar](repeating: 0, count: Int(PATH_MAX))
        let length = try SystemCall.run("readlink \(link)") {
            // At most as many bytes as the array has are written; no NUL follows them.
            unsafe readlink(link, &target, Int(PATH_MAX))
        }
        return String(decoding: target[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The command line as the process may have changed it, at most 4096 bytes, arguments apart by NUL, without
    /// trailing NULs.
    public static func title(_ pid: Int32) throws(SystemError) -> [UInt8] {
        var bytes = try read(pid, "cmdline", limit: 4096)
        while bytes.last == 0 { bytes.removeLast() }
        return bytes
    }

    /// The path in the cgroup v2 hierarchy (`/usher/s-…`); nil when the kernel has none.
    public static func cgroup(_ pid: Int32) throws(SystemError) -> String? {
        let bytes = try read(pid, "cgroup", limit: 16384)
        guard let range = ProcessParser.unifiedGroup(bytes.span) else { return nil }
        return String(decoding: bytes[range], as: UTF8.self)
    }

    /// Every process, threads excluded, in ascending order.
    public static func all() throws(SystemError) -> [Int32] {
        var pids: [Int32] = []
        let directory = try Files.openDirectory("/proc", stage: "list /proc")
        for name in try Files.directoryNames(directory, stage: "list /proc") {
            if let pid = ProcessParser.number(name.span, 0..<name.count), pid <= UInt64(Int32.max) {
                pids.append(Int32(pid))
            }
        }
        return pids.sorted()
    }

    /// The processes that `pid` started and that still live.
    public static func children(_ pid: Int32) throws(SystemError) -> [Int32] {
        try parents().filter { entry in entry.parent == pid }.map { entry in entry.pid }
    }

    /// The living processes that descend from `pid`, parents before their children. One that was orphaned on the
    /// way belongs to pid 1 and is not found.
    public static func descendants(_ pid: Int32) throws(SystemError) -> [Int32] {
        let families = Dictionary(grouping: try parents()) { entry in entry.parent }
        var found: [Int32] = []
        var next = [pid]
        while let parent = next.popLast() {
            let children = (families[parent] ?? []).map { entry in entry.pid }
            found += children
            next += children
        }
        return found
    }

    private static func parents() throws(SystemError) -> [(pid: Int32, parent: Int32)] {
        var entries: [(pid: Int32, parent: Int32)] = []
        for pid in try all() {
            do throws(SystemError) {
                let stat = try stat(pid)
                if !stat.isZombie { entries.append((pid, stat.parent)) }
            } catch let error where error.isNotFound {
                continue
            }
        }
        return entries
    }

    private static func auditNumber(_ pid: Int32, _ file: String) throws(SystemError) -> UInt32? {
        let bytes = try read(pid, file, limit: 32)
        guard let number = ProcessParser.number(bytes.span, 0..<bytes.count), number <= UInt64(UInt32.max) else {
            throw unreadable(pid, file)
        }
        return number == UInt64(unset) ? nil : UInt32(number)
    }

    private static func read(_ pid: Int32, _ file: String, limit: Int) throws(SystemError) -> [UInt8] {
        let path = "/proc/\(pid)/\(file)"
        let descriptor = try Descriptors.open(path, O_RDONLY, stage: "open \(path)")
        return try Descriptors.readOnce(descriptor.rawValue, limit: limit, stage: "read \(path)")
    }

    private static func unreadable(_ pid: Int32, _ file: String) -> SystemError {
        SystemError("read /proc/\(pid)/\(file)", refused: "not in the form that proc(5) describes")
    }
}
