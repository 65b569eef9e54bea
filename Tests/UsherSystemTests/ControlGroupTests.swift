import Foundation
import Glibc
import Testing
import UsherSystem

@Suite("Control groups")
struct ControlGroupTests {
    let root: String
    let group: ControlGroup

    init() throws {
        root = try Mounts.cgroup2Root()
        let name = "test-" + UUID().uuidString.lowercased().prefix(13)
        group = try ControlGroup.create(String(name), root: root)
    }

    private func soon() -> Deadline { .after(milliseconds: 5000) }

    @Test("a process and what it starts are in the group, killed with it, and the group goes")
    func lifecycle() throws {
        #expect(try group.exists && !group.isPopulated)
        let helper = try Helper(shell: "read line < /proc/self/stat; sleep 0.3; setsid sleep 60 & exec sleep 60")
        try group.attach(helper.pid)
        #expect(try ControlGroup.current(of: helper.pid, root: root) == group)
        #expect(try group.isPopulated)
        try helper.becomes("sleep")
        try eventually("two processes") { try group.processes().count == 2 }
        #expect(failure { () throws(SystemError) in try group.remove() }?.errno == EBUSY)
        #expect(try !group.waitUntilEmpty(.after(milliseconds: 50)))
        try group.kill()
        #expect(try group.waitUntilEmpty(soon()))
        #expect(try !group.isPopulated)
        try group.remove()
        #expect(try !group.exists)
    }

    @Test("a frozen group stands still, and is killed all the same")
    func freezing() throws {
        let scratch = try Scratch()
        let helper = try Helper(shell: "while :; do echo x >> \(scratch.path)/ticks; sleep 0.01; done")
        try group.attach(helper.pid)
        let ticks = { try Files.status(scratch.path + "/ticks")?.size ?? 0 }
        try eventually("it ticks") { try ticks() > 4 }
        #expect(try group.freeze(soon()))
        let before = try ticks()
        usleep(100_000)
        #expect(try ticks() == before)
        try group.thaw()
        try eventually("it ticks again") { try ticks() > before }
        #expect(try group.freeze(soon()))
        try group.kill()
        #expect(try group.waitUntilEmpty(soon()))
        try group.remove()
    }

    @Test("groups made inside are killed and removed too")
    func nested() throws {
        let inner = ControlGroup(membership: group.membership + "/a/b", root: root)
        try Files.makeDirectory(group.path + "/a", mode: 0o755)
        try Files.makeDirectory(inner.path, mode: 0o755)
        let helper = try Helper("/bin/sleep", ["60"])
        try inner.attach(helper.pid)
        #expect(try group.isPopulated)
        try group.kill()
        #expect(try group.waitUntilEmpty(soon()))
        try group.remove()
        #expect(try !group.exists)
    }

    @Test("what is asked of a group that is gone is done already")
    func gone() throws {
        try group.remove()
        try group.remove()
        try group.kill()
        try group.thaw()
        #expect(try group.freeze(soon()))
        #expect(try group.waitUntilEmpty(soon()))
        #expect(try !group.isPopulated)
        #expect(try group.processes() == [])
        #expect(failure { () throws(SystemError) in try group.attach(getpid()) }?.errno == ENOENT)
    }

    @Test("existing groups are listed")
    func existing() throws {
        let name = try #require(group.membership.split(separator: "/").last)
        #expect(try ControlGroup.existing(root: root).contains(String(name)))
        try group.remove()
        #expect(try !ControlGroup.existing(root: root).contains(String(name)))
    }

    @Test("a name that could leave the parent is refused", arguments: ["", "..", "a/b", "A", "a.b", "\0"])
    func names(name: String) throws {
        #expect(failure { () throws(SystemError) in _ = try ControlGroup.create(name, root: root) } != nil)
        try group.remove()
    }

    @Test("the root group is nobody's")
    func rootGroup() throws {
        // Kernel threads live there.
        #expect(try ControlGroup.current(of: 2, root: root) == nil)
        try group.remove()
    }
}

@Suite("Running a helper program")
struct SubprocessTests {
    private func shell(_ script: String, limit: Int = 65536) throws -> SubprocessResult {
        try Subprocess.run("/bin/sh", ["-c", script], deadline: .after(milliseconds: 5000), outputLimit: limit)
    }

    @Test("output, error output and exit status are apart")
    func results() throws {
        let result = try shell("echo out; echo err >&2; exit 3")
        #expect(result.exitStatus == 3)
        #expect(result.output == Array("out\n".utf8))
        #expect(result.errorOutput == Array("err\n".utf8))
    }

    @Test("a program that a signal ended has no exit status")
    func signalled() throws {
        #expect(try shell("kill -9 $$").exitStatus == nil)
    }

    @Test("it inherits no descriptor, no environment and no blocked signal, and reads nothing")
    func clean() throws {
        let open = unsafe open("/dev/null", O_RDONLY)  // not close-on-exec, as another library might leave one
        defer { close(open) }
        let result = try shell("ls /proc/self/fd; env | sort; cat; grep -E 'Sig(Blk|Ign)' /proc/self/status")
        let lines = String(decoding: result.output, as: UTF8.self).split(separator: "\n").map(String.init)
        #expect(lines.prefix(4) == ["0", "1", "2", "3"])  // 3 is ls's own
        let variables = lines.dropFirst(4).prefix { $0.contains("=") }
        #expect(
            Set(variables.map { $0.prefix { $0 != "=" } }).isSubset(of: [
                "PATH", "LC_ALL", "PWD", "_", "OLDPWD", "SHLVL",
            ]))
        // glibc's posix_spawn ignores its two internal signals, 32 and 33, in every child.
        #expect(lines.suffix(2) == ["SigBlk:\t0000000000000000", "SigIgn:\t0000000180000000"])
    }

    @Test("at the deadline it is killed with what it started")
    func deadline() throws {
        let marker = "61.\(getpid())"
        let start = SystemClock.monotonicNanoseconds()
        #expect(throws: SystemError("run /bin/sh", errno: ETIMEDOUT)) {
            try Subprocess.run(
                "/bin/sh", ["-c", "sleep \(marker) & sleep \(marker)"], deadline: .after(milliseconds: 200))
        }
        #expect(SystemClock.monotonicNanoseconds() - start < 3_000_000_000)
        try eventually("its children are gone") {
            try !Processes.all().contains { pid in
                (try? Processes.title(pid)).map { String(decoding: $0, as: UTF8.self).contains(marker) } ?? false
            }
        }
    }

    @Test("output beyond the limit is thrown away, without holding the program up")
    func muchOutput() throws {
        let result = try shell("head -c 3000000 /dev/zero; echo >&2 done", limit: 1000)
        #expect(result.exitStatus == 0)
        #expect(result.output.count == 1000)
        #expect(result.errorOutput == Array("done\n".utf8))
    }

    @Test("what it left in the background is not waited for")
    func background() throws {
        let start = SystemClock.monotonicNanoseconds()
        let result = try shell("setsid sleep 3 & echo started")
        #expect(result.output == Array("started\n".utf8))
        #expect(SystemClock.monotonicNanoseconds() - start < 2_000_000_000)
    }

    @Test("a program that does not exist is an error")
    func absent() throws {
        #expect(throws: SystemError("run /no/such/program", errno: ENOENT)) {
            try Subprocess.run("/no/such/program", [], deadline: .after(milliseconds: 100))
        }
        #expect(throws: SystemError("run /bin/echo", refused: "an argument contains a NUL byte")) {
            try Subprocess.run("/bin/echo", ["a\0b"], deadline: .after(milliseconds: 100))
        }
    }

    @Test("no zombie and no descriptor stays")
    func leavesNothing() throws {
        // Ends of pipes are shared with other tests' children; hence many runs and a small allowance.
        let count = { try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count }
        let before = try count()
        for _ in 0..<100 { _ = try shell("exit 0") }
        #expect(try count() < before + 60)
    }
}
