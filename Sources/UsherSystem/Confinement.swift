import CUsherLinux
import Glibc

/// Gives up what a process has that was started as root and needs none of it.
public enum Confinement {
    /// Bytes of heap: some ten times what the plugin's queues may hold.
    private static let heapBytes: rlim_t = 512 << 20

    /// From root to an account without any right: no other descriptor than the standard streams, no group, no capability
    /// also for what it would execute, no new processes, no files, and nobody may trace it. Fails where a step does, and
    /// where the account does not exist.
    public static func enter(account name: String) throws(SystemError) {
        let stage = "run as \(name)"
        guard let user = try Users.lookup(name) else {
            throw SystemError(stage, refused: "this host has no such account (systemd-sysusers makes it)")
        }
        guard user.uid != 0 else { throw SystemError(stage, refused: "the account is root's") }
        try SystemCall.run("close descriptors") { usher_close_from(3) }
        try limit(RLIMIT_CORE, 0, "core")
        try limit(RLIMIT_FSIZE, 0, "file size")
        try limit(RLIMIT_NOFILE, 16, "descriptors")
        try limit(RLIMIT_DATA, heapBytes, "heap")
        if geteuid() == 0 {
            try SystemCall.run("empty the bounding set") { usher_empty_bounding_set() }
            try SystemCall.run(stage) { usher_become(user.uid, user.gid) }
        }
        guard getuid() == user.uid, geteuid() == user.uid, getgid() == user.gid, setuid(0) != 0 else {
            throw SystemError(stage, refused: "started as uid \(getuid()), neither root nor \(name)")
        }
        // Processes of this uid: the plugin is one, and starts none.
        try limit(__RLIMIT_NPROC, 0, "processes")
        try SystemCall.run("give up capabilities") { usher_give_up_capabilities() }
        try SystemCall.run("close the file system") { usher_close_file_system() }
    }

    private static func limit(_ which: __rlimit_resource, _ value: rlim_t, _ what: String) throws(SystemError) {
        var both = rlimit(rlim_cur: value, rlim_max: value)
        // A local value for the call.
        try SystemCall.run("limit \(what)") { unsafe setrlimit(__rlimit_resource_t(which.rawValue), &both) }
    }
}
