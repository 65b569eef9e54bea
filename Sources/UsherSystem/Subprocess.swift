import CUsherLinux
import Glibc

/// A program that was run to its end.
public struct SubprocessResult: Sendable, Equatable {
    /// The exit status; nil when a signal ended it.
    public var exitStatus: Int32?
    /// What it wrote to standard output and to standard error, up to the limit each; the rest was thrown away.
    public var output: [UInt8]
    public var errorOutput: [UInt8]
}

/// Runs a helper of the host: no shell, no descriptors but its own three, standard input empty, signals at their
/// defaults, an environment that the caller names, killed at the deadline.
public enum Subprocess {
    public static let defaultEnvironment = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"]

    /// ETIMEDOUT when the program had to be killed at the deadline. Any exit status is a result, not an error.
    public static func run(
        _ program: String, _ arguments: [String], environment: [String] = defaultEnvironment,
        deadline: Deadline, outputLimit: Int = 65536
    ) throws(SystemError) -> SubprocessResult {
        var child = try Child(program, arguments, environment)
        do throws(SystemError) {
            let process = try PIDFD.open(child.pid)
            try child.collect(process, deadline, outputLimit)
        } catch {
            try child.killAndReap()
            throw error
        }
        return SubprocessResult(
            exitStatus: try child.reap(), output: child.output, errorOutput: child.errorOutput)
    }
}

/// A started program with its pipes. Nobody else waits for it, so that its pid stays its own until it is reaped here.
private struct Child: ~Copyable {
    let pid: Int32
    var output: [UInt8] = []
    var errorOutput: [UInt8] = []
    private let stage: String
    private let outputPipe: Pipe
    private let errorPipe: Pipe

    init(_ program: String, _ arguments: [String], _ environment: [String]) throws(SystemError) {
        let stage = "run \(program)"
        guard !program.utf8.contains(0) else { throw SystemError(stage, refused: "the path contains a NUL byte") }
        let outputPipe = try Pipe(stage)
        let errorPipe = try Pipe(stage)
        let argumentList = try CStringArray(([program] + arguments).map { Array($0.utf8) }, stage: stage)
        let environmentList = try CStringArray(environment.map { Array($0.utf8) }, stage: stage)
        let (output, errors) = (outputPipe.writer.rawValue, errorPipe.writer.rawValue)
        var pid: Int32 = 0
        // Both lists end with a null pointer and outlive the call; `pid` is a local value.
        let code = unsafe argumentList.withPointers { arguments in
            unsafe environmentList.withPointers { environment in
                unsafe usher_spawn(&pid, program, arguments, environment, output, errors)
            }
        }
        guard code == 0 else { throw SystemError(stage, errno: code) }
        self.pid = pid
        self.stage = stage
        self.outputPipe = outputPipe
        self.errorPipe = errorPipe
    }

    /// Reads until the program has ended. What it started may live on and hold the pipes: not waited for.
    mutating func collect(_ process: PIDFD, _ deadline: Deadline, _ limit: Int) throws(SystemError) {
        var ended = false
        while !ended {
            let watched = [process.descriptor, outputPipe.reader.rawValue, errorPipe.reader.rawValue]
            var entries = watched.map { descriptor in pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0) }
            let left = deadline.remainingMilliseconds
            // Three entries in an array that the call fills. Interrupted: repeated with what is left of the time.
            let count = unsafe poll(&entries, 3, left)
            if count < 0, SystemCall.lastError != EINTR { throw SystemError(stage, errno: SystemCall.lastError) }
            if count == 0, left == 0 { throw SystemError(stage, errno: ETIMEDOUT) }
            ended = count > 0 && entries[0].revents != 0
            try outputPipe.drain(into: &output, limit, stage)
            try errorPipe.drain(into: &errorOutput, limit, stage)
        }
    }

    /// The exit status; nil when a signal ended it.
    func reap() throws(SystemError) -> Int32? {
        var status: Int32 = 0
        // `status` is a local value.
        try SystemCall.run(stage) { unsafe waitpid(pid, &status, 0) }
        // WIFEXITED and WEXITSTATUS of waitpid(2), which are macros.
        return status & 0x7F == 0 ? (status >> 8) & 0xFF : nil
    }

    func killAndReap() throws(SystemError) {
        // The group, so that what the program started goes with it.
        _ = kill(-pid, SIGKILL)
        _ = kill(pid, SIGKILL)
        _ = try reap()
    }
}

/// A pipe whose reading end does not wait.
private struct Pipe: ~Copyable {
    let reader: OwnedDescriptor
    let writer: OwnedDescriptor

    init(_ stage: String) throws(SystemError) {
        var ends: [Int32] = [-1, -1]
        // The array has the two elements that the call fills.
        try SystemCall.run(stage) { unsafe usher_pipe(&ends) }
        let reader = OwnedDescriptor(owning: ends[0])
        let writer = OwnedDescriptor(owning: ends[1])
        try reader.setNonBlocking()
        self.reader = reader
        self.writer = writer
    }

    /// Takes what is in the pipe now; beyond `limit` bytes it is thrown away. Ends after a pipe's capacity, so that a
    /// program that writes without end cannot hold the caller here.
    func drain(into bytes: inout [UInt8], _ limit: Int, _ stage: String) throws(SystemError) {
        for _ in 0..<16 {
            do throws(SystemError) {
                let chunk = try Descriptors.readOnce(reader.rawValue, limit: 4096, stage: stage)
                if chunk.isEmpty { return }
                bytes += chunk.prefix(limit - bytes.count)
            } catch let error where error.errno == EAGAIN {
                return
            }
        }
    }
}
