import Glibc
import Synchronization

/// What makes a process part of a session. One that holds is enough.
public struct SessionMatch: Sendable, Hashable {
    /// The kernel's `ses`. "Unset" never matches.
    public var auditSession: UInt32?
    /// Real, effective, saved or file system uid. Root never matches: it is nobody's own.
    public var uid: UInt32?
    /// The `auid` that the kernel gave every process of the login, whatever uid they have now. "Unset" never matches.
    public var loginUID: UInt32?
    /// The cgroup as `Processes.cgroup` shows it, with all below it. `/` never matches.
    public var cgroup: String?

    public init(
        auditSession: UInt32? = nil, uid: UInt32? = nil, loginUID: UInt32? = nil, cgroup: String? = nil
    ) {
        self.auditSession = auditSession
        self.uid = uid
        self.loginUID = loginUID
        self.cgroup = cgroup
    }
}

/// Finds the processes of sessions in one pass over /proc, however many sessions are asked for.
///
/// A process that forks while the pass goes on can be missed: what must be complete is repeated until it finds
/// nothing twice. Ids are those of a process's first thread; another thread can have others only by raw system calls
/// of a privileged process, which its audit session and cgroup still give away.
public enum ProcessScan {
    /// The living processes of each match, in its order: threads are part of their process, kernel threads and
    /// zombies are left out.
    public static func find(matching matches: [SessionMatch]) throws(SystemError) -> [[Int32]] {
        try find(matching: matches, in: "/proc", .ofHost)
    }

    static func find(
        matching matches: [SessionMatch], in directory: String, _ kernelThreads: KernelThreads
    ) throws(SystemError) -> [[Int32]] {
        var found = [[Int32]](repeating: [], count: matches.count)
        let criteria = Criteria(matches)
        guard !criteria.isEmpty else { return found }
        var pass = try ProcessPass(directory, kernelThreads)
        while let pid = try pass.nextPID() {
            var hits: [Int] = []
            try pass.collect(&hits, of: pid, criteria)
            guard !hits.isEmpty, try pass.isAlive(pid) else { continue }
            for hit in hits where found[hit].last != pid { found[hit].append(pid) }
        }
        return found
    }

    /// The living processes that have a number of the range as real, effective, saved or file system uid, or as
    /// loginuid, by that number.
    public static func holders(of range: ClosedRange<UInt32>) throws(SystemError) -> [UInt32: [Int32]] {
        var found: [UInt32: [Int32]] = [:]
        var pass = try ProcessPass("/proc", .ofHost)
        while let pid = try pass.nextPID() {
            let uids = try pass.numbers(of: pid).filter(range.contains)
            guard !uids.isEmpty, try pass.isAlive(pid) else { continue }
            for uid in Set(uids) { found[uid, default: []].append(pid) }
        }
        return found
    }

    /// Signals those of `pids` that still match; returns how many it reached. Each is pinned first and judged after,
    /// so that a process that was given a dead one's pid is not hit.
    @discardableResult
    public static func signal(
        _ signal: Int32, _ pids: [Int32], matching match: SessionMatch
    ) throws(SystemError) -> Int {
        let criteria = Criteria([match])
        var reached = 0
        var pass = try ProcessPass("/proc", nil)
        for pid in pids {
            do throws(SystemError) {
                let pidfd = try PIDFD.open(pid)
                var hits: [Int] = []
                try pass.collect(&hits, of: pid, criteria)
                if !hits.isEmpty, try pidfd.sendSignal(signal) { reached += 1 }
            } catch let error where error.isNotFound {
                continue
            }
        }
        return reached
    }
}

/// What a pass looks for, by value: which matches a number or a path belongs to.
private struct Criteria {
    var sessions: [UInt32: [Int]] = [:]
    var uids: [UInt32: [Int]] = [:]
    var loginUIDs: [UInt32: [Int]] = [:]
    var groups: [(path: [UInt8], match: Int)] = []
    /// What all group paths begin with: most processes of a host are told apart by it.
    var commonPrefix: [UInt8] = []

    init(_ matches: [SessionMatch]) {
        for (index, match) in matches.enumerated() {
            if let session = match.auditSession, session != Processes.unset {
                sessions[session, default: []].append(index)
            }
            if let uid = match.uid, uid != 0 { uids[uid, default: []].append(index) }
            if let uid = match.loginUID, uid != Processes.unset { loginUIDs[uid, default: []].append(index) }
            guard let path = match.cgroup.map({ Array($0.utf8) }), path.count > 1, path[0] == UInt8(ascii: "/") else {
                continue
            }
            commonPrefix = groups.isEmpty ? path : Array(zip(path, commonPrefix).prefix { $0 == $1 }.map { $0.0 })
            groups.append((path, index))
        }
    }

    var isEmpty: Bool { sessions.isEmpty && uids.isEmpty && loginUIDs.isEmpty && groups.isEmpty }

    /// Whether `bytes[range]` is `path` or below it.
    static func lies(_ bytes: Span<UInt8>, _ range: Range<Int>, in path: [UInt8]) -> Bool {
        begins(bytes, range, with: path)
            && (range.count == path.count || bytes[range.lowerBound + path.count] == UInt8(ascii: "/")
                // The kernel's mark for a group that was removed while a process was ending in it.
                || bytes[range.lowerBound + path.count] == UInt8(ascii: " "))
    }

    static func begins(_ bytes: Span<UInt8>, _ range: Range<Int>, with prefix: [UInt8]) -> Bool {
        guard range.count >= prefix.count else { return false }
        for index in prefix.indices where bytes[range.lowerBound + index] != prefix[index] { return false }
        return true
    }
}

/// Kernel threads that a pass has seen to be ones (PF_KTHREAD), each with the inode of its directory in /proc: the kernel
/// gives every process that is listed a new one, so that a pid that was given again is looked at again.
final class KernelThreads: Sendable {
    static let ofHost = KernelThreads()

    private let state = Mutex<[Int32: UInt64]>([:])

    var verified: [Int32: UInt64] {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }
}

/// One pass over /proc: the open directory and buffers that serve every process.
private struct ProcessPass: ~Copyable {
    private let directory: OwnedDescriptor
    private var stream: DirectoryStream
    private var path = [CChar](repeating: 0, count: 32)
    private var buffer = [UInt8](repeating: 0, count: 4096)
    private let kernelThreads: KernelThreads?
    /// Nil before the first name.
    private var candidates: Set<Int32>?
    private var known: [Int32: UInt64] = [:]
    private var verified: [Int32: UInt64] = [:]
    /// Before Linux 5.19 a program that the kernel starts is a kernel thread until its exec: what began later than this
    /// (10 s ago, in clock ticks since the boot) is looked at each time.
    private let youngest = UInt64(max(0, SystemClock.boottimeNanoseconds() / 10_000_000 - 1000))

    /// - Parameter kernelThreads: left out; nil where processes are asked for by number only.
    init(_ path: String, _ kernelThreads: KernelThreads?) throws(SystemError) {
        let processes = try Files.openDirectory(path, stage: "open \(path)")
        stream = try DirectoryStream.open(processes, stage: "list \(path)")
        directory = processes
        self.kernelThreads = kernelThreads
    }

    /// The children of kthreadd, three quarters of all processes of an idle host: kernel threads, but also programs
    /// that the kernel starts for itself (kernel/umh.c, with CLONE_PARENT), such as those of core_pattern. Empty where
    /// kthreadd is not process 2 (a pid namespace) or the kernel has no CONFIG_PROC_CHILDREN.
    private mutating func kernelChildren() throws(SystemError) -> Set<Int32> {
        let daemon: Int32 = 2
        guard let stat = try stat(daemon), stat.isKernelThread, stat.parent == 0 else { return [] }
        do throws(SystemError) {
            let list = try Files.readKernelFile("2/task/2/children", limit: 1 << 20, in: directory.rawValue)
            var children: Set<Int32> = []
            children.reserveCapacity(list.count / 4)
            var start = 0
            for index in list.indices where list[index] == 0x20 {
                if let pid = ProcessParser.number(list.span, start..<index) { children.insert(Int32(clamping: pid)) }
                start = index + 1
            }
            return children
        } catch let failure where failure.isNotFound {
            return []
        }
    }

    /// The next process that is no kernel thread; nil after the last.
    mutating func nextPID() throws(SystemError) -> Int32? {
        if candidates == nil, let kernelThreads {
            known = kernelThreads.verified
            candidates = try kernelChildren()
        }
        // The names of processes, and only they, are numbers.
        while let entry = try unsafe stream.nextEntry({ name, inode in
            unsafe (ProcessParser.number(name.span, 0..<name.count), inode)
        }) {
            guard let number = entry.0, number > 0, number <= UInt64(Int32.max) else { continue }
            let pid = Int32(number)
            guard candidates?.contains(pid) == true else { return pid }
            if known[pid] != entry.1 {
                guard let stat = try stat(pid) else { continue }
                guard stat.isKernelThread else { return pid }
                guard stat.identity.startTime < youngest else { continue }
            }
            verified[pid] = entry.1
        }
        kernelThreads?.verified = verified
        return nil
    }

    /// The four uids and the loginuid, where it has one; none of a process that ends meanwhile.
    mutating func numbers(of pid: Int32) throws(SystemError) -> [UInt32] {
        var numbers: [UInt32] = []
        if let count = try read(pid, "/status"),
            let uids = ProcessParser.four("Uid:", buffer.span.extracting(0..<count))
        {
            numbers = [uids.0, uids.1, uids.2, uids.3]
        }
        if let count = try read(pid, "/loginuid"), let login = ProcessParser.number(buffer.span, 0..<count),
            login < UInt64(Processes.unset)
        {
            numbers.append(UInt32(login))
        }
        return numbers
    }

    /// Adds the matches that the process is part of; one may be added twice. A process that ends meanwhile adds none.
    mutating func collect(_ hits: inout [Int], of pid: Int32, _ criteria: borrowing Criteria) throws(SystemError) {
        if !criteria.sessions.isEmpty, let count = try read(pid, "/sessionid"),
            let session = ProcessParser.number(buffer.span, 0..<count), session < UInt64(Processes.unset),
            let matches = criteria.sessions[UInt32(session)]
        {
            hits += matches
        }
        if !criteria.loginUIDs.isEmpty, let count = try read(pid, "/loginuid"),
            let uid = ProcessParser.number(buffer.span, 0..<count), uid < UInt64(Processes.unset),
            let matches = criteria.loginUIDs[UInt32(uid)]
        {
            hits += matches
        }
        if !criteria.uids.isEmpty, let count = try read(pid, "/status"),
            // The line stands before the group list, which alone can be longer than the buffer.
            let uids = ProcessParser.four("Uid:", buffer.span.extracting(0..<count))
        {
            if let matches = criteria.uids[uids.0] { hits += matches }
            if uids.1 != uids.0, let matches = criteria.uids[uids.1] { hits += matches }
            if uids.2 != uids.1, let matches = criteria.uids[uids.2] { hits += matches }
            if uids.3 != uids.1, let matches = criteria.uids[uids.3] { hits += matches }
        }
        if !criteria.groups.isEmpty, let count = try read(pid, "/cgroup"),
            let range = ProcessParser.unifiedGroup(buffer.span.extracting(0..<count)),
            Criteria.begins(buffer.span, range, with: criteria.commonPrefix)
        {
            for group in criteria.groups where Criteria.lies(buffer.span, range, in: group.path) {
                hits.append(group.match)
            }
        }
    }

    /// Whether any thread of the process runs, and it is no kernel thread.
    mutating func isAlive(_ pid: Int32) throws(SystemError) -> Bool {
        guard let stat = try stat(pid) else { return false }
        return !stat.isZombie && !stat.isKernelThread
    }

    /// Nil when the process has ended.
    private mutating func stat(_ pid: Int32) throws(SystemError) -> ProcessStat? {
        guard let count = try read(pid, "/stat") else { return nil }
        guard let stat = ProcessParser.stat(buffer.span.extracting(0..<count), pid: pid) else {
            throw SystemError("read /proc/\(pid)/stat", refused: "not in the form that proc(5) describes")
        }
        return stat
    }

    /// Reads the beginning of a file of the process into the buffer, with a line feed behind it; nil when the process
    /// has ended.
    private mutating func read(_ pid: Int32, _ file: StaticString) throws(SystemError) -> Int? {
        setPath(pid, file)
        // `path` is NUL-terminated by setPath.
        let descriptor = unsafe openat(directory.rawValue, path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return try ended(SystemCall.lastError, pid, file) }
        let owned = OwnedDescriptor(owning: descriptor)
        let count = unsafe buffer.withUnsafeMutableBytes { bytes in
            // The kernel writes at most `count` bytes into the buffer that the closure holds.
            unsafe Glibc.read(owned.rawValue, bytes.baseAddress, bytes.count)
        }
        guard count >= 0 else { return try ended(SystemCall.lastError, pid, file) }
        return count
    }

    private func ended(_ code: Int32, _ pid: Int32, _ file: StaticString) throws(SystemError) -> Int? {
        guard code == ENOENT || code == ESRCH else { throw SystemError("read /proc/\(pid)\(file)", errno: code) }
        return nil
    }

    /// Puts `PID/file` and a NUL into `path`.
    private mutating func setPath(_ pid: Int32, _ file: StaticString) {
        var divisor: Int32 = 1
        while pid / divisor >= 10 { divisor *= 10 }
        var length = 0
        while divisor > 0 {
            path[length] = CChar(0x30 + (pid / divisor) % 10)
            length += 1
            divisor /= 10
        }
        for index in 0..<file.utf8CodeUnitCount {
            // In bounds: index is below the literal's count.
            unsafe path[length] = CChar(bitPattern: file.utf8Start[index])
            length += 1
        }
        path[length] = 0
    }
}
