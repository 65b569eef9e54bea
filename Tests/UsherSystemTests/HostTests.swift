import Foundation
import Glibc
import Testing
import UsherSystem

@Suite("Clocks, randomness, limits")
struct ClockTests {
    @Test("the clocks agree with the host's")
    func clocks() throws {
        #expect(abs(Double(SystemClock.realtimeSeconds()) - Date().timeIntervalSince1970) < 5)
        #expect(SystemClock.realtimeNanoseconds() / 1_000_000_000 - SystemClock.realtimeSeconds() <= 1)
        let before = SystemClock.monotonicNanoseconds()
        #expect(SystemClock.monotonicNanoseconds() >= before)
        #expect(SystemClock.boottimeNanoseconds() >= before)
    }

    @Test("the boot id is the kernel's")
    func bootID() throws {
        let expected = try String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
        #expect(try SystemClock.bootID() + "\n" == expected)
    }

    @Test("a deadline passes, and what is left is rounded up")
    func deadline() {
        #expect(Deadline.after(milliseconds: 0).hasPassed)
        let later = Deadline.after(milliseconds: 5000)
        #expect((4000...5000).contains(later.remainingMilliseconds))
        #expect(!later.hasPassed)
    }

    @Test("random bytes are as many as asked for, and differ")
    func randomness() throws {
        #expect(try Randomness.bytes(0) == [])
        #expect(try Randomness.bytes(1000).count == 1000)
        #expect(try Randomness.bytes(16) != Randomness.bytes(16))
    }

    @Test("wiping overwrites the storage and empties the array")
    func wipe() {
        var secret = [UInt8]("a secret".utf8)
        let storage = unsafe secret.withUnsafeBytes { buffer in unsafe buffer }
        Secrets.wipe(&secret)
        #expect(secret.isEmpty)
        // The array still holds its storage, so that what is left in it can be read.
        withExtendedLifetime(secret) {
            let left = unsafe [UInt8](storage)
            #expect(left == [UInt8](repeating: 0, count: 8))
        }
    }

    @Test("the descriptor limit is raised to the hard limit, not above what is wanted")
    func descriptors() throws {
        let now = try ResourceLimits.raiseDescriptorLimit(to: 1)
        #expect(now >= 1)
        let raised = try ResourceLimits.raiseDescriptorLimit(to: now + 1)
        #expect(raised == now || raised == now + 1)
    }
}

@Suite("The kernel's audit")
struct AuditTests {
    @Test("the status is what auditctl shows")
    func status() throws {
        let status = try Audit().status()
        let shown = try Subprocess.run("/usr/sbin/auditctl", ["-s"], deadline: .after(milliseconds: 5000))
        let text = String(decoding: shown.output, as: UTF8.self)
        for (name, value) in [
            ("enabled", status.enabled), ("failure", status.failure), ("rate_limit", status.rateLimit),
            ("backlog_limit", status.backlogLimit),
        ] {
            #expect(text.contains("\(name) \(value)\n"))
        }
    }

    @Test("the status comes each time on the same socket, from many threads")
    func repeated() async throws {
        let audit = try Audit()
        try await withThrowingTaskGroup(of: UInt32.self) { group in
            for _ in 0..<50 { group.addTask { try audit.status().backlogLimit } }
            var seen = Set<UInt32>()
            for try await limit in group { seen.insert(limit) }
            #expect(seen.count == 1)
        }
    }

    @Test("records are accepted, also while the status is asked for")
    func write() async throws {
        let audit = try Audit()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<20 {
                group.addTask { try audit.write(.userManagement, "op=usher-self-test number=\(index)") }
                group.addTask { _ = try audit.status() }
            }
            try await group.waitForAll()
        }
    }

    @Test("text that auditd would misread is refused", arguments: ["a'b", "a\nb", "é", "\u{7F}", "a\0b"])
    func badText(text: String) throws {
        let audit = try Audit()
        #expect(failure { () throws(SystemError) in try audit.write(.addUser, text) }?.errno == 0)
        let long = String(repeating: "x", count: Audit.textBytes)
        #expect(failure { () throws(SystemError) in try audit.write(.addUser, long + "x") }?.errno == 0)
    }
}

@Suite("tmpfs homes")
struct MountTests {
    @Test("a home has its size, mode, owner and flags, and goes")
    func lifecycle() throws {
        let scratch = try Scratch()
        let path = scratch.path + "/u-abc"
        try Files.makeDirectory(path, mode: 0o700)
        #expect(try !Mounts.isMountPoint(path))
        try Mounts.mountTmpfs(path, TmpfsOptions(sizeBytes: 1 << 20, uid: 4711, gid: 4712))
        #expect(try Mounts.isMountPoint(path))
        #expect(try Mounts.below(scratch.path) == [path])
        let status = try #require(try Files.status(path))
        #expect((status.mode, status.uid, status.gid) == (0o700, 4711, 4712))
        let options = try String(contentsOfFile: "/proc/self/mounts", encoding: .utf8)
            .split(separator: "\n").first { $0.contains(path) }
        for option in ["nosuid", "nodev", "size=1024k", "uid=4711", "gid=4712", "mode=700"] {
            #expect(options?.contains(option) == true, "\(option)")
        }
        #expect(try Files.freeBytes(path) == 1 << 20)
        let tooMuch = [UInt8](repeating: 1, count: 2 << 20)
        let full = failure { () throws(SystemError) in
            try Files.writeAtomically(path + "/big", tooMuch, mode: 0o600)
        }
        #expect(full?.errno == ENOSPC)
        #expect(try Files.list(path) == [])
        // A child that a concurrent test starts holds this process's descriptors until its exec.
        try eventually("it is not busy") { (try? Mounts.unmount(path)) == true }
        #expect(try !Mounts.isMountPoint(path))
        #expect(try !Mounts.unmount(path))
    }

    @Test("a busy home cannot be unmounted, but detached")
    func busy() throws {
        let scratch = try Scratch()
        let path = scratch.path + "/u-busy"
        try Files.makeDirectory(path, mode: 0o700)
        try Mounts.mountTmpfs(path, TmpfsOptions(sizeBytes: 1 << 20, uid: 0, gid: 0))
        let held = unsafe open(path, O_RDONLY | O_DIRECTORY)
        defer { close(held) }
        #expect(failure { () throws(SystemError) in try Mounts.unmount(path) }?.errno == EBUSY)
        #expect(try Mounts.unmount(path, detach: true))
        #expect(try !Mounts.isMountPoint(path))
    }

    @Test("a home has a bounded number of files")
    func inodes() throws {
        let scratch = try Scratch()
        let path = scratch.path + "/u-many"
        try Files.makeDirectory(path, mode: 0o700)
        try Mounts.mountTmpfs(path, TmpfsOptions(sizeBytes: 1 << 20, uid: 0, gid: 0))
        var error: SystemError?
        for index in 0..<300 where error == nil {
            error = failure { () throws(SystemError) in try Files.writeAtomically("\(path)/\(index)", [], mode: 0o600) }
        }
        #expect(error?.errno == ENOSPC)
        try Mounts.unmount(path, detach: true)
    }

    @Test("blanks and backslashes in mount points are read back")
    func escapes() throws {
        let scratch = try Scratch()
        let path = scratch.path + "/a b\\040\tc"
        try Files.makeDirectory(path, mode: 0o700)
        try Mounts.mountTmpfs(path, TmpfsOptions(sizeBytes: 1 << 20, uid: 0, gid: 0))
        #expect(try Mounts.isMountPoint(path))
        try Mounts.unmount(path, detach: true)
    }

    @Test("the cgroup2 hierarchy is found")
    func cgroup2() throws {
        let root = try Mounts.cgroup2Root()
        #expect(try Files.status(root + "/cgroup.procs") != nil)
    }
}

@Suite("Single instance and service manager")
struct InstanceTests {
    @Test("a second holder is refused until the first is gone")
    func lock() throws {
        let scratch = try Scratch()
        do {
            let first = try InstanceLock.acquire(directory: scratch.path)
            #expect(first != nil)
            #expect(try InstanceLock.acquire(directory: scratch.path) == nil)
            let other = try Subprocess.run(
                "/usr/bin/flock", ["-n", scratch.path, "true"], deadline: .after(milliseconds: 5000))
            #expect(other.exitStatus == 1)
            withExtendedLifetime(first) {}
        }
        #expect(try InstanceLock.acquire(directory: scratch.path) != nil)
    }

    @Test("without a service manager nobody is told")
    func noManager() throws {
        #expect(CurrentProcess.variable("NOTIFY_SOCKET") == nil)
        #expect(try !ServiceManager.notify("READY=1"))
    }

    @Test("systemd is PID 1 exactly where its directory stands")
    func booted() throws {
        #expect(try ServiceManager.isSystemdBooted == FileManager.default.fileExists(atPath: "/run/systemd/system"))
    }
}
