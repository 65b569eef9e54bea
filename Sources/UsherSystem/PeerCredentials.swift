import Glibc

/// Who is at the other end of an AF_UNIX connection, as the kernel recorded it when the connection was made.
public struct PeerCredentials: Sendable {
    public let pid: Int32
    public let uid: UInt32
    public let gid: UInt32
    /// The peer process, pinned.
    public let process: PIDFD
    /// The peer process with its start time.
    public let identity: ProcessIdentity

    /// SO_PEERPIDFD of include/uapi/asm-generic/socket.h, Linux 6.5; newer than the C library's headers.
    private static let peerPIDFD: Int32 = 77
    /// SO_PEERGROUPS, ibidem, Linux 4.13.
    private static let peerGroups: Int32 = 59

    /// Reads the credentials of an accepted connection and pins the peer. ESRCH when the peer has ended.
    ///
    /// Before Linux 6.5 the process is pinned by its pid; that the connection still stands afterwards, and that
    /// the process has the recorded uid, is then checked.
    public static func of(socket: Int32) throws(SystemError) -> PeerCredentials {
        let stage = "credentials of a peer"
        let peer = try credentials(socket: socket)
        guard peer.pid > 0 else { throw SystemError(stage, refused: "the peer is not in this pid namespace") }
        let process: PIDFD
        if let descriptor = try pinned(socket) {
            process = PIDFD(pid: peer.pid, owned: OwnedDescriptor(owning: descriptor))
        } else {
            process = try PIDFD.open(peer.pid)
            let now = try Processes.status(peer.pid)
            guard [now.realUID, now.effectiveUID, now.savedUID].contains(peer.uid), try !hasHungUp(socket) else {
                throw SystemError(stage, errno: ESRCH)
            }
        }
        // Read after the pin and before the check that the pin holds a living process: so it is that process's.
        let identity = try ProcessIdentity.current(peer.pid)
        guard try process.isAlive else { throw SystemError(stage, errno: ESRCH) }
        return PeerCredentials(pid: peer.pid, uid: peer.uid, gid: peer.gid, process: process, identity: identity)
    }

    /// The recorded pid, uid and gid alone. On a connecting socket they are those of the process that listens.
    public static func credentials(socket: Int32) throws(SystemError) -> (pid: Int32, uid: UInt32, gid: UInt32) {
        // struct ucred of socket(7): pid, uid and gid, 32 bits each. Swift's view of the headers leaves it out.
        var peer: [UInt32] = [0, 0, 0]
        var size = socklen_t(3 * MemoryLayout<UInt32>.size)
        try SystemCall.run("SO_PEERCRED") {
            // `size` is the size of the array.
            unsafe getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size)
        }
        return (Int32(bitPattern: peer[0]), peer[1], peer[2])
    }

    /// The supplementary groups of the peer at the time of its connect.
    public static func supplementaryGroups(socket: Int32) throws(SystemError) -> [UInt32] {
        var groups = [gid_t](repeating: 0, count: 64)
        var size = socklen_t(0)
        while true {
            size = socklen_t(groups.count * MemoryLayout<gid_t>.size)
            do throws(SystemError) {
                // `size` is the size of the array; the kernel sets it to what it filled, or to what it needs.
                try SystemCall.run("SO_PEERGROUPS") {
                    unsafe getsockopt(socket, SOL_SOCKET, peerGroups, &groups, &size)
                }
                return Array(groups.prefix(Int(size) / MemoryLayout<gid_t>.size))
            } catch let error where error.errno == ERANGE && Int(size) > groups.count * MemoryLayout<gid_t>.size {
                groups = [gid_t](repeating: 0, count: Int(size) / MemoryLayout<gid_t>.size)
            }
        }
    }

    /// The peer's pidfd from the kernel; nil where the kernel does not know the option.
    private static func pinned(_ socket: Int32) throws(SystemError) -> Int32? {
        var descriptor: Int32 = -1
        var size = socklen_t(MemoryLayout<Int32>.size)
        do throws(SystemError) {
            // Two local values; `size` is the size of the first.
            try SystemCall.run("SO_PEERPIDFD") {
                unsafe getsockopt(socket, SOL_SOCKET, peerPIDFD, &descriptor, &size)
            }
            return descriptor
        } catch let error where error.errno == ENOPROTOOPT {
            return nil
        }
    }

    private static func hasHungUp(_ socket: Int32) throws(SystemError) -> Bool {
        var entry = pollfd(fd: socket, events: 0, revents: 0)
        // One entry, a local value.
        try SystemCall.run("poll a connection") { unsafe poll(&entry, 1, 0) }
        return entry.revents != 0
    }
}
