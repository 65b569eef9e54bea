import CUsherLinux
import Glibc

/// Kernel keyrings, which outlive the processes of a uid; see keyrings(7).
public enum Keyrings {
    /// The uids that have any key or keyring.
    public static func users() throws(SystemError) -> Set<UInt32> {
        do throws(SystemError) {
            return users(try Files.readKernelFile("/proc/key-users", limit: 16 << 20))
        } catch let failure where failure.errno == ENOENT {
            // A kernel without keys.
            return []
        }
    }

    /// Lines of `UID: usage keys/…`; see keyrings(7). A user without keys keeps a line for a while.
    static func users(_ bytes: [UInt8]) -> Set<UInt32> {
        var uids: Set<UInt32> = []
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let words = String(decoding: line, as: UTF8.self).split { $0 == " " || $0 == ":" }
            guard words.count >= 3, let uid = UInt32(words[0]) else { continue }
            if words[2].split(separator: "/").first != "0" { uids.insert(uid) }
        }
        return uids
    }

    /// Empties the user, user-session and persistent keyring of a uid and takes them out of use. Only for a uid that
    /// has no process: a child takes the uid for it.
    public static func discard(of uid: UInt32) throws(SystemError) {
        try SystemCall.run("clear the keyrings of \(uid)") { usher_clear_keyrings(uid) }
    }
}

extension ProcessScan {
    /// Kills every process whose real or saved uid it is, in one walk of the kernel that no fork escapes.
    public static func killAll(of uid: UInt32) throws(SystemError) {
        guard uid != 0, uid != .max else { throw SystemError("kill all of \(uid)", refused: "not a uid of a session") }
        try SystemCall.run("kill all of \(uid)") { usher_kill_all_of(uid) }
    }
}
