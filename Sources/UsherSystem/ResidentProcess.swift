import CUsherLinux
import Glibc

/// A copy of this very program that outlives the process that starts it.
public enum ResidentProcess {
    /// Starts the running executable, also one that an upgrade has replaced meanwhile, in a session of its own, with
    /// this process's standard error.
    public static func start(name: String, _ arguments: [String]) throws(SystemError) -> Int32 {
        let stage = "start \(name)"
        let argumentList = try CStringArray(([name] + arguments).map { Array($0.utf8) }, stage: stage)
        let environmentList = try CStringArray(Subprocess.defaultEnvironment.map { Array($0.utf8) }, stage: stage)
        var pid: Int32 = 0
        // Both lists end with a null pointer and outlive the call; `pid` is a local value.
        let code = unsafe argumentList.withPointers { arguments in
            unsafe environmentList.withPointers { environment in
                unsafe usher_spawn_resident(&pid, "/proc/self/exe", arguments, environment)
            }
        }
        guard code == 0 else { throw SystemError(stage, errno: code) }
        return pid
    }

    /// Collects one that has ended; true also when it is no child of this process (any more).
    public static func hasEnded(_ pid: Int32) -> Bool {
        var status: Int32 = 0
        // `status` is a local value. 0 is a child that runs; -1 is none.
        return unsafe waitpid(pid, &status, WNOHANG) != 0
    }
}
