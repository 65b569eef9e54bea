internal import UsherStore
internal import UsherSystem

/// Who may call what on control.sock. A caller inside a live session may act only on that session, whatever its
/// uid: root in a session is still the operator of that session.
struct Authorization: Sendable {
    static let administrators = "usher-admin"
    static let observers = "usher-soc"

    /// What a method does, as far as permission goes.
    enum Need: Sendable {
        /// Reads what the host's administrators and the SOC may know.
        case read
        case change
        /// Reads or ends one session.
        case session(id: String, changes: Bool)
    }

    let registry: Registry
    let cgroups: SessionCgroups
    let administratorGroup: UInt32?
    let observerGroup: UInt32?

    init(registry: Registry, cgroups: SessionCgroups) throws(SystemError) {
        self.registry = registry
        self.cgroups = cgroups
        administratorGroup = try Groups.gid(named: Self.administrators)
        observerGroup = try Groups.gid(named: Self.observers)
    }

    /// Why the caller may not; nil when it may.
    func refusal(_ need: Need, _ peer: Peer) -> String? {
        do {
            if let own = try sessionOf(peer) {
                if case .session(let id, _) = need, id == own.id { return nil }
                return "a caller inside session \(own.id) may act only on that session"
            }
        } catch {
            return "the caller's session cannot be told: \(error)"
        }
        if peer.uid == 0 || isMember(peer, administratorGroup) { return nil }
        let changes: Bool
        switch need {
        case .read: changes = false
        case .change: changes = true
        case .session(_, let ends): changes = ends
        }
        if !changes, isMember(peer, observerGroup) { return nil }
        return "uid \(peer.uid) is neither root nor in \(Self.administrators)\(changes ? "" : " or \(Self.observers)")"
    }

    /// By the kernel's `ses`, by the cgroup, and by the uid of an ephemeral account: root in a session can leave
    /// one of them behind, hardly all.
    func sessionOf(_ peer: Peer) throws(SystemError) -> LiveSession? {
        let live = registry.sessions()
        guard !live.isEmpty else { return nil }
        let auditSession = try Processes.sessionID(peer.process.pid)
        let loginUID = try Processes.loginUID(peer.process.pid)
        let cgroup = try Processes.cgroup(peer.process.pid) ?? "/"
        return live.first { live in
            let admission = live.session.admission
            if live.session.auditSession == auditSession { return true }
            if admission.kind == .ephemeral, admission.uid == peer.uid || admission.uid == loginUID { return true }
            let group = cgroups.group(of: live.session).membership
            return cgroup == group || cgroup.hasPrefix(group + "/")
        }
    }

    private func isMember(_ peer: Peer, _ group: UInt32?) -> Bool {
        guard let group else { return false }
        return peer.gid == group || peer.groups.contains(group)
    }
}
