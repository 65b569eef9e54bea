import Foundation
import Glibc

@testable import UsherSystem

/// A directory of a test's own, gone with it.
final class Scratch {
    let path: String

    init() throws {
        path = "/tmp/usher-test-" + UUID().uuidString.lowercased().prefix(13)
        try Files.makeDirectory(path, mode: 0o755)
    }

    deinit {
        for mount in (try? Mounts.below(path)) ?? [] { _ = try? Mounts.unmount(mount, detach: true) }
        try? FileManager.default.removeItem(atPath: path)
    }

    func file(_ name: String, _ text: String = "", mode: UInt32 = 0o644, uid: UInt32 = 0) throws -> String {
        try Files.writeAtomically("\(path)/\(name)", Array(text.utf8), mode: mode, uid: uid)
        return "\(path)/\(name)"
    }
}

/// A process that a test started; killed and reaped with it, with what descends from it. Not Foundation's Process,
/// whose children inherit each other's descriptors when several are started at once, and hide each other's end.
final class Helper {
    let pid: Int32
    private var isReaped = false

    init(_ program: String, _ arguments: [String]) throws {
        let list = try CStringArray(([program] + arguments).map { Array($0.utf8) }, stage: "start \(program)")
        var child: Int32 = 0
        var actions = unsafe posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        var none = sigset_t()
        // Local values, destroyed below; the list ends with a null pointer and outlives the call.
        unsafe posix_spawn_file_actions_init(&actions)
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0)
        unsafe posix_spawnattr_init(&attributes)
        unsafe sigemptyset(&none)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        let code = unsafe list.withPointers { arguments in
            unsafe posix_spawn(&child, program, &actions, &attributes, arguments, environ)
        }
        unsafe posix_spawn_file_actions_destroy(&actions)
        unsafe posix_spawnattr_destroy(&attributes)
        guard code == 0 else { throw SystemError("start \(program)", errno: code) }
        pid = child
    }

    /// Runs `script` with /bin/sh.
    convenience init(shell script: String) throws {
        try self.init("/bin/sh", ["-c", script])
    }

    /// A process that sleeps and never waits for its child, which has run `body` and ended.
    static func withZombie(_ body: String = "pass") throws -> Helper {
        try Helper(
            "/usr/bin/python3",
            ["-c", "import os, time\nif os.fork() == 0:\n    \(body)\n    os._exit(0)\ntime.sleep(60)"])
    }

    deinit {
        if !isReaped {
            // Stopped first, so that it starts nothing while what it started is looked for.
            kill(pid, SIGSTOP)
            for pid in (try? Processes.descendants(pid)) ?? [] { kill(pid, SIGKILL) }
            kill(pid, SIGKILL)
            reap()
        }
    }

    /// Waits for the end; the exit status, nil after a signal.
    @discardableResult
    func reap() -> Int32? {
        var status: Int32 = 0
        // `status` is a local value.
        while unsafe waitpid(pid, &status, 0) < 0, errno == EINTR {}
        isReaped = true
        return status & 0x7F == 0 ? (status >> 8) & 0xFF : nil
    }

    /// Waits until the process runs the program (its name as the kernel shows it).
    func becomes(_ command: String) throws {
        try eventually("\(pid) runs \(command)") {
            try Processes.stat(pid).command == Array(command.utf8)
        }
    }
}

struct TimedOut: Error, CustomStringConvertible {
    var description: String
}

/// Waits for a condition, at most ten seconds unless told otherwise.
func eventually(_ what: String, milliseconds: Int = 10_000, _ condition: () throws -> Bool) throws {
    let deadline = Deadline.after(milliseconds: milliseconds)
    while true {
        if try condition() { return }
        if deadline.hasPassed { throw TimedOut(description: "not within \(milliseconds / 1000) s: \(what)") }
        usleep(5000)
    }
}

/// The error that a call throws; nil when it throws none.
func failure(_ body: () throws(SystemError) -> Void) -> SystemError? {
    do throws(SystemError) {
        try body()
        return nil
    } catch {
        return error
    }
}

/// A uid of the ephemeral range that no other test of this run uses.
func freshUID() throws -> UInt32 {
    let random = try Randomness.bytes(3)
    return 1_900_000_000 + UInt32(random[0]) << 16 + UInt32(random[1]) << 8 + UInt32(random[2])
}

/// Calls that make what Usher itself never makes. Paths are NUL-terminated copies that live for each call.
enum Make {
    static func link(_ target: String, at path: String) throws { try check(unsafe symlink(target, path), path) }
    static func fifo(_ path: String) throws { try check(unsafe mkfifo(path, 0o644), path) }
    static func mode(_ mode: UInt32, of path: String) throws { try check(unsafe chmod(path, mode), path) }
    static func owner(_ uid: UInt32, of path: String) throws { try check(unsafe chown(path, uid, 0), path) }

    /// A copy of a program, written by another process: a child that a concurrent test starts would inherit a
    /// descriptor of this one, and the kernel runs no program that is open for writing (ETXTBSY).
    static func program(_ source: String, at path: String) throws {
        let result = try Subprocess.run("/bin/cp", [source, path], deadline: .after(milliseconds: 10_000))
        guard result.exitStatus == 0 else {
            throw SystemError("copy \(source)", refused: String(decoding: result.errorOutput, as: UTF8.self))
        }
    }

    /// An empty file whose name is not UTF-8.
    static func unreadableName(in directory: String) throws {
        let path = (Array("\(directory)/".utf8) + [0xFF, 0]).map { byte in CChar(bitPattern: byte) }
        try check(unsafe mkfifo(path, 0o644), directory)
    }

    private static func check(_ result: Int32, _ path: String) throws {
        if result != 0 { throw SystemError("prepare \(path)", errno: errno) }
    }
}
