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
    let administratorGroup: UInt32?
    let observerGroup: UInt32?

    init(registry: Registry) throws(SystemError) {
        self.registry = registry
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

    /// By the kernel's `ses`, and by the uid of an ephemeral account: a process may have left one of them behind.
    private func sessionOf(_ peer: Peer) throws(SystemError) -> LiveSession? {
        if let number = try Processes.sessionID(peer.process.pid), let live = registry.session(auditSession: number) {
            return live
        }
        let loginUID = try Processes.loginUID(peer.process.pid)
        return registry.sessions().first {
            $0.session.admission.kind == .ephemeral
                && ($0.session.admission.uid == peer.uid || $0.session.admission.uid == loginUID)
        }
    }

    private func isMember(_ peer: Peer, _ group: UInt32?) -> Bool {
        guard let group else { return false }
        return peer.gid == group || peer.groups.contains(group)
    }
}
