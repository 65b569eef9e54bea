internal import UsherStore
internal import UsherSystem

/// Who is at the other end of a connection, as the kernel says.
struct Peer: Sendable {
    var uid: UInt32
    var gid: UInt32
    var groups: [UInt32]
    /// Pinned when the connection was made: a later process of the same pid has another start time.
    var process: ProcessKey

    /// - Parameter socket: a connected Unix socket.
    init(socket: Int32) throws(SystemError) {
        let credentials = try PeerCredentials.of(socket: socket)
        uid = credentials.uid
        gid = credentials.gid
        // Root needs no group.
        groups = credentials.uid == 0 ? [] : try PeerCredentials.supplementaryGroups(socket: socket)
        process = ProcessKey(credentials.identity)
    }
}

extension ProcessKey {
    init(_ identity: ProcessIdentity) {
        self.init(pid: identity.pid, startTime: identity.startTime)
    }

    /// The process that logs in: an sshd that asks by keyboard-interactive runs PAM in a child of its monitor
    /// whose title ends in `[pam]` (auth-pam.c, sshpam_thread), and the session is the monitor's.
    static func login(of caller: ProcessKey, service: String) throws(SystemError) -> ProcessKey {
        guard service == "sshd" else { return caller }
        let title = try Processes.title(caller.pid)
        guard title.ends(with: "[pam]") else { return caller }
        let parent = try Processes.stat(caller.pid).parent
        return ProcessKey(try ProcessIdentity.current(parent))
    }
}

extension [UInt8] {
    /// Whether the bytes end so, trailing NULs and blanks aside: a process title is padded with them.
    fileprivate func ends(with suffix: String) -> Bool {
        let end = lastIndex { $0 != 0 && $0 != 0x20 }.map { $0 + 1 } ?? 0
        return self[..<end].suffix(suffix.utf8.count).elementsEqual(suffix.utf8)
    }
}
