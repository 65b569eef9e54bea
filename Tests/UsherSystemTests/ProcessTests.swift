import Foundation
import Glibc
import Testing
import UsherSystem

@Suite("Single processes")
struct ProcessTests {
    @Test("this process is described as it is")
    func itself() throws {
        let stat = try Processes.stat(getpid())
        #expect(stat.identity.pid == getpid())
        #expect(stat.parent == getppid())
        #expect(!stat.isZombie && !stat.isKernelThread && stat.threads >= 1)
        let status = try Processes.status(getpid())
        #expect([status.realUID, status.effectiveUID, status.savedUID, status.fileSystemUID] == [0, 0, 0, 0])
        #expect(status.effectiveCapabilities != 0)
        #expect(
            try Processes.executable(getpid())
                == FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
        #expect(try Processes.all().contains(getpid()))
        #expect(try Processes.cgroup(getpid())?.hasPrefix("/") == true)
    }

    @Test("a name with parentheses, blanks and a line feed does not confuse the parser")
    func hostileName() throws {
        let scratch = try Scratch()
        let name = ") Z 1 (\n) 2"
        try Make.program("/bin/sleep", at: "\(scratch.path)/\(name)")
        let helper = try Helper("\(scratch.path)/\(name)", ["60"])
        try helper.becomes(name)
        let stat = try Processes.stat(helper.pid)
        #expect(stat.parent == getpid())
        #expect(stat.state == UInt8(ascii: "S") || stat.state == UInt8(ascii: "R"))
        let clock = try #require(try? String(contentsOfFile: "/proc/uptime", encoding: .utf8))
        let uptime = try #require(Double(clock.prefix { $0 != " " }))
        #expect(abs(Double(stat.identity.startTime) / 100 - uptime) < 20)
    }

    @Test("real, effective, saved and file system ids are told apart")
    func credentials() throws {
        let helper = try Helper(
            "/usr/bin/python3",
            ["-c", "import os,time; os.setgroups([7,8]); os.setresgid(1,2,3); os.setresuid(11,12,13); time.sleep(60)"])
        try eventually("ids are set") { try Processes.status(helper.pid).savedUID == 13 }
        let status = try Processes.status(helper.pid)
        #expect([status.realUID, status.effectiveUID, status.savedUID, status.fileSystemUID] == [11, 12, 13, 12])
        #expect([status.realGID, status.effectiveGID, status.savedGID, status.fileSystemGID] == [1, 2, 3, 2])
        #expect(status.supplementaryGroups == [7, 8])
        #expect(status.effectiveCapabilities == 0)
    }

    @Test("65536 groups are read")
    func manyGroups() throws {
        let helper = try Helper(
            "/usr/bin/python3", ["-c", "import os,time; os.setgroups(range(2000000000,2000065536)); time.sleep(60)"])
        try eventually("groups are set") { try Processes.status(helper.pid).supplementaryGroups.count == 65536 }
    }

    @Test("login uid and audit session are read, and none where none was set")
    func audit() throws {
        let uid = try freshUID()
        let helper = try Helper(shell: "echo \(uid) > /proc/self/loginuid; exec sleep 60")
        try helper.becomes("sleep")
        #expect(try Processes.loginUID(helper.pid) == uid)
        let session = try #require(try Processes.sessionID(helper.pid))
        #expect(session != Processes.unset)
        // A kernel thread has neither.
        #expect(try Processes.loginUID(2) == nil)
        #expect(try Processes.sessionID(2) == nil)
    }

    @Test("a title is read with its arguments, and only its beginning when it is long")
    func title() throws {
        let helper = try Helper("/bin/sleep", ["60"])
        try eventually("title") { try Processes.title(helper.pid) == Array("/bin/sleep\u{0}60".utf8) }
        let long = try Helper("/bin/sh", ["-c", "sleep 60; :", String(repeating: "x", count: 100_000)])
        try eventually("runs") { try Processes.title(long.pid).count == 4096 }
    }

    @Test("children and descendants are found, zombies are not")
    func family() throws {
        let helper = try Helper(shell: "sh -c 'sleep 61; :' & sleep 0.2 & exec sleep 60")
        try helper.becomes("sleep")
        try eventually("one zombie, one child, one grandchild") {
            try Processes.children(helper.pid).count == 1 && Processes.descendants(helper.pid).count == 2
        }
        let children = try Processes.children(helper.pid)
        #expect(children.count == 1)
        let descendants = try Processes.descendants(helper.pid)
        #expect(descendants.first == children.first)
        #expect(try Processes.title(try #require(descendants.last)).starts(with: Array("sleep".utf8)))
        for pid in descendants { kill(pid, SIGKILL) }
    }

    @Test("a process that is gone is not found, for each question")
    func gone() throws {
        let helper = try Helper("/bin/true", [])
        helper.reap()
        let pid = helper.pid
        let identity = ProcessIdentity(pid: pid, startTime: 1)
        #expect(failure { () throws(SystemError) in _ = try Processes.stat(pid) }?.isNotFound == true)
        #expect(failure { () throws(SystemError) in _ = try Processes.status(pid) }?.isNotFound == true)
        #expect(failure { () throws(SystemError) in _ = try Processes.sessionID(pid) }?.isNotFound == true)
        #expect(failure { () throws(SystemError) in _ = try Processes.title(pid) }?.isNotFound == true)
        #expect(failure { () throws(SystemError) in _ = try Processes.cgroup(pid) }?.isNotFound == true)
        #expect(failure { () throws(SystemError) in _ = try Processes.executable(pid) }?.isNotFound == true)
        #expect(failure { () throws(SystemError) in _ = try PIDFD.open(pid) }?.isNotFound == true)
        #expect(try !identity.exists)
    }
}

@Suite("Pinned processes")
struct PIDFDTests {
    @Test("a signal reaches the process and its end is seen")
    func signalAndExit() throws {
        let helper = try Helper("/bin/sleep", ["60"])
        let identity = try ProcessIdentity.current(helper.pid)
        let pidfd = try PIDFD.open(identity)
        #expect(try pidfd.isAlive)
        #expect(try identity.exists)
        #expect(try !pidfd.waitForExit(.after(milliseconds: 20)))
        #expect(try pidfd.sendSignal(Signals.terminate))
        #expect(try pidfd.waitForExit(.after(milliseconds: 5000)))
        #expect(try !pidfd.isAlive)
        helper.reap()
        #expect(try !pidfd.sendSignal(Signals.kill))
        #expect(try !identity.exists)
    }

    @Test("another process with the same pid is not pinned")
    func otherStartTime() throws {
        var identity = try ProcessIdentity.current(getpid())
        identity.startTime += 1
        #expect(failure { () throws(SystemError) in _ = try PIDFD.open(identity) }?.errno == ESRCH)
        #expect(try !identity.exists)
    }

    @Test("a zombie is not alive")
    func zombie() throws {
        let helper = try Helper.withZombie()
        try eventually("a zombie") {
            try Processes.all().contains { pid in
                guard let stat = try? Processes.stat(pid), stat.parent == helper.pid, stat.isZombie else {
                    return false
                }
                return try !PIDFD.open(pid).isAlive
            }
        }
    }

    @Test("its descriptor is close-on-exec and closed with it")
    func descriptor() throws {
        var descriptor: Int32 = -1
        do {
            let pidfd = try PIDFD.open(getpid())
            descriptor = pidfd.descriptor
            #expect(fcntl(descriptor, F_GETFD) == FD_CLOEXEC)
            let target = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(descriptor)")
            #expect(target.contains("pidfd"))
        }
        #expect(descriptor >= 0)
    }
}
