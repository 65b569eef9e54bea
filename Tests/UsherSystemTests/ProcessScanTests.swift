import Foundation
import Glibc
import Testing

@testable import UsherSystem

@Suite("Finding the processes of sessions")
struct ProcessScanTests {
    private static let setpriv = "/usr/bin/setpriv"

    private func found(_ match: SessionMatch) throws -> [Int32] {
        try ProcessScan.find(matching: [match])[0]
    }

    /// A process of `uid` in an audit session of its own.
    private func login(_ uid: UInt32) throws -> Helper {
        let helper = try Helper(
            shell:
                "echo \(uid) > /proc/self/loginuid; exec setpriv --reuid=\(uid) --regid=\(uid) --clear-groups sleep 60")
        try helper.becomes("sleep")
        return helper
    }

    @Test("by uid, by audit session, and by both without counting twice")
    func uidAndSession() throws {
        let uid = try freshUID()
        let helper = try login(uid)
        let session = try #require(try Processes.sessionID(helper.pid))
        #expect(try found(SessionMatch(uid: uid)) == [helper.pid])
        #expect(try found(SessionMatch(auditSession: session)) == [helper.pid])
        #expect(try found(SessionMatch(auditSession: session, uid: uid)) == [helper.pid])
    }

    @Test("by the loginuid alone, which root of another audit session still has")
    func loginUID() throws {
        let uid = try freshUID()
        let helper = try Helper(
            shell: """
                echo \(uid) > /proc/self/loginuid; echo 4294967295 > /proc/self/loginuid
                echo \(uid) > /proc/self/loginuid; exec sleep 60
                """)
        try helper.becomes("sleep")
        #expect(try found(SessionMatch(loginUID: uid)) == [helper.pid])
        #expect(try found(SessionMatch(uid: uid)).isEmpty)
        #expect(try ProcessScan.signal(Signals.kill, [helper.pid], matching: SessionMatch(loginUID: uid)) == 1)
        #expect(try ProcessScan.find(matching: [SessionMatch(loginUID: Processes.unset)]) == [[]])
    }

    @Test("one pass serves many sessions and keeps them apart")
    func manySessions() throws {
        let uids = try (0..<20).map { _ in try freshUID() }
        let helpers = try uids.map { uid in try login(uid) }
        let matches = try zip(uids, helpers).enumerated().map { index, pair in
            let session = try Processes.sessionID(pair.1.pid)
            return index % 2 == 0 ? SessionMatch(uid: pair.0) : SessionMatch(auditSession: session)
        }
        #expect(try ProcessScan.find(matching: matches) == helpers.map { [$0.pid] })
    }

    @Test("a process that changed all its ids but one is found", arguments: 0..<3)
    func singleID(position: Int) throws {
        let uid = try freshUID()
        var ids = [65001, 65001, 65001]
        ids[position] = Int(uid)
        let helper = try Helper(
            "/usr/bin/python3", ["-c", "import os,time; os.setresuid(\(ids[0]),\(ids[1]),\(ids[2])); time.sleep(60)"])
        try eventually("found") { try found(SessionMatch(uid: uid)) == [helper.pid] }
    }

    @Test("a process that a root session left to root is found by its audit session")
    func rootOfSession() throws {
        let helper = try Helper(shell: "echo \(try freshUID()) > /proc/self/loginuid; setsid sleep 62 & exec sleep 60")
        try helper.becomes("sleep")
        let session = try #require(try Processes.sessionID(helper.pid))
        try eventually("both") { try found(SessionMatch(auditSession: session)).count == 2 }
        #expect(
            try ProcessScan.signal(
                SIGKILL, try found(SessionMatch(auditSession: session)),
                matching: SessionMatch(auditSession: session)) == 2)
        try eventually("none") { try found(SessionMatch(auditSession: session)).isEmpty }
    }

    @Test("a zombie is not found")
    func zombie() throws {
        let uid = try freshUID()
        let helper = try Helper.withZombie("os.setresuid(\(uid), \(uid), \(uid))")
        try eventually("a zombie") {
            try Processes.all().contains { pid in
                guard let stat = try? Processes.stat(pid) else { return false }
                return stat.parent == helper.pid && stat.isZombie
            }
        }
        #expect(try found(SessionMatch(uid: uid)).isEmpty)
    }

    @Test("a process whose first thread has ended is alive, and found")
    func deadLeader() throws {
        let uid = try freshUID()
        // SYS_exit ends the calling thread alone; its number is that of the machine.
        let script = """
            import os, time, threading, ctypes, platform
            os.setresuid(\(uid), \(uid), \(uid))
            threading.Thread(target=time.sleep, args=(60,)).start()
            ctypes.CDLL(None).syscall({"x86_64": 60, "aarch64": 93}[platform.machine()], 0)
            """
        let helper = try Helper("/usr/bin/python3", ["-c", script])
        try eventually("the leader is dead") { try Processes.stat(helper.pid).state == UInt8(ascii: "Z") }
        #expect(try !Processes.stat(helper.pid).isZombie)
        #expect(try found(SessionMatch(uid: uid)) == [helper.pid])
        #expect(try PIDFD.open(helper.pid).isAlive)
        #expect(try ProcessScan.signal(SIGKILL, [helper.pid], matching: SessionMatch(uid: uid)) == 1)
        helper.reap()
        #expect(try found(SessionMatch(uid: uid)).isEmpty)
    }

    @Test("threads are not processes of their own")
    func threads() throws {
        let uid = try freshUID()
        let script = """
            import os, time, threading
            os.setresuid(\(uid), \(uid), \(uid))
            for _ in range(5): threading.Thread(target=time.sleep, args=(60,)).start()
            """
        let helper = try Helper("/usr/bin/python3", ["-c", script])
        try eventually("six threads") { try Processes.stat(helper.pid).threads == 6 }
        #expect(try found(SessionMatch(uid: uid)) == [helper.pid])
    }

    @Test("an unset audit session, root, the root cgroup and an empty match find nothing")
    func neverEverything() throws {
        let matches = [
            SessionMatch(auditSession: Processes.unset), SessionMatch(uid: 0), SessionMatch(cgroup: "/"),
            SessionMatch(cgroup: ""), SessionMatch(),
        ]
        #expect(try ProcessScan.find(matching: matches) == [[], [], [], [], []])
        let mixed = [SessionMatch(auditSession: Processes.unset, uid: 0), SessionMatch(uid: try freshUID())]
        #expect(try ProcessScan.find(matching: mixed) == [[], []])
        #expect(try ProcessScan.signal(SIGKILL, [getpid()], matching: SessionMatch(uid: 0)) == 0)
    }

    @Test("by cgroup, with groups below it, but not groups whose names only begin alike")
    func cgroup() throws {
        let root = try Mounts.cgroup2Root()
        let name = "test-" + UUID().uuidString.lowercased().prefix(8)
        let group = try ControlGroup.create(String(name), root: root)
        let longer = try ControlGroup.create(name + "-b", root: root)
        let nested = ControlGroup(membership: group.membership + "/inner", root: root)
        try Files.makeDirectory(nested.path, mode: 0o755)
        let helpers = try (0..<3).map { _ in try Helper("/bin/sleep", ["60"]) }
        try group.attach(helpers[0].pid)
        try nested.attach(helpers[1].pid)
        try longer.attach(helpers[2].pid)
        let result = try ProcessScan.find(matching: [
            SessionMatch(cgroup: group.membership), SessionMatch(cgroup: longer.membership),
        ])
        #expect(Set(result[0]) == Set([helpers[0].pid, helpers[1].pid]))
        #expect(result[1] == [helpers[2].pid])
        for each in [group, longer] {
            try each.kill()
            #expect(try each.waitUntilEmpty(.after(milliseconds: 5000)))
            try each.remove()
        }
    }

    @Test("a process that no longer matches is not signalled")
    func rechecks() throws {
        let helper = try Helper("/bin/sleep", ["60"])
        #expect(try ProcessScan.signal(SIGKILL, [helper.pid], matching: SessionMatch(uid: try freshUID())) == 0)
        #expect(try PIDFD.open(helper.pid).isAlive)
    }

    /// A /proc with kthreadd and its children, of which only some are kernel threads.
    private struct Listing {
        static let kernelThread = 0x20_8040
        static let program = 0x40_0100
        let scratch: Scratch

        init() throws {
            scratch = try Scratch()
            try Files.makeDirectory("\(scratch.path)/2", mode: 0o755)
            try Files.makeDirectory("\(scratch.path)/2/task", mode: 0o755)
            try Files.makeDirectory("\(scratch.path)/2/task/2", mode: 0o755)
            try put(2, parent: 0, flags: Self.kernelThread)
            _ = try scratch.file("2/task/2/children", "50 51 ")
        }

        /// Another process than the one that had the pid before: its directory is a new one.
        func put(_ pid: Int32, parent: Int32 = 2, flags: Int, uid: UInt32 = 0, startTime: Int = 100) throws {
            let path = "\(scratch.path)/\(pid)"
            if pid != 2 {
                try Files.makeDirectory(path + ".new", mode: 0o755)
                // Paths are NUL-terminated copies that live for the calls.
                _ = unsafe rename(path, "\(scratch.path)/gone-\(UUID().uuidString)")
                #expect(unsafe rename(path + ".new", path) == 0)
            }
            _ = try scratch.file(
                "\(pid)/stat",
                "\(pid) (k) S \(parent) 0 0 0 -1 \(flags) 0 0 0 0 0 0 0 0 20 0 1 0 \(startTime) 0 0\n")
            _ = try scratch.file("\(pid)/status", "Name:\tk\nUid:\t\(uid)\t\(uid)\t\(uid)\t\(uid)\n")
        }
    }

    @Test("a program that the kernel started is no kernel thread, also with the pid of one")
    func childrenOfTheKernel() throws {
        let listing = try Listing()
        let threads = KernelThreads()
        let found = {
            try ProcessScan.find(matching: [SessionMatch(uid: 4711)], in: listing.scratch.path, threads)[0].sorted()
        }
        try listing.put(50, flags: Listing.kernelThread, uid: 4711)
        try listing.put(51, flags: Listing.program, uid: 4711)
        #expect(try found() == [51])
        #expect(Set(threads.verified.keys) == [50])
        #expect(try found() == [51])
        try listing.put(50, flags: Listing.program, uid: 4711)
        #expect(try found() == [50, 51])
        #expect(threads.verified.isEmpty)
    }

    @Test("what was a kernel thread a moment ago is looked at again: it may have become a program")
    func youngKernelThread() throws {
        let listing = try Listing()
        let threads = KernelThreads()
        let now = Int(SystemClock.boottimeNanoseconds() / 10_000_000)
        try listing.put(50, flags: Listing.kernelThread, startTime: now)
        #expect(try ProcessScan.find(matching: [SessionMatch(uid: 4711)], in: listing.scratch.path, threads) == [[]])
        #expect(threads.verified.isEmpty)
    }

    @Test("the kernel lists a process that was given a dead one's pid with another inode")
    func inodes() throws {
        let script = """
            import os, signal
            def listed(pid): return {each.name: each.inode() for each in os.scandir("/proc")}[str(pid)]
            def start():
                open("/proc/sys/kernel/ns_last_pid", "w").write("499")
                pid = os.fork()
                if pid == 0: signal.pause()
                return pid
            first = start(); inode = listed(first)
            assert first == 500 and listed(first) == inode
            os.kill(first, signal.SIGKILL); os.waitpid(first, 0)
            second = start()
            assert second == 500 and listed(second) != inode
            os.kill(second, signal.SIGKILL)
            """
        let result = try Subprocess.run(
            "/usr/bin/unshare", ["-pf", "--mount-proc", "/usr/bin/python3", "-c", script],
            deadline: .after(milliseconds: 10_000))
        #expect(result.exitStatus == 0, "\(String(decoding: result.errorOutput, as: UTF8.self))")
    }

    @Test("a pass over the machine's processes for 1000 sessions stays below a second")
    func cost() throws {
        let matches = (0..<1000).map { index in
            SessionMatch(
                auditSession: 4_000_000_000 + UInt32(index), uid: 1_990_000_000 + UInt32(index),
                cgroup: "/usher/s-\(index)")
        }
        let start = SystemClock.monotonicNanoseconds()
        _ = try ProcessScan.find(matching: matches)
        #expect(SystemClock.monotonicNanoseconds() - start < 1_000_000_000)
    }
}
