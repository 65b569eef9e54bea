internal import UsherStore
internal import UsherSystem

/// The cgroup of each session: a transient scope where systemd runs, a subtree of our own elsewhere.
struct SessionCgroups: Sendable {
    /// How long systemd may take for one request, milliseconds.
    private static let patience = 4000

    private let root: String
    let hasSystemd: Bool

    /// Finds the cgroup v2 hierarchy and who writes it.
    init() throws(SystemError) {
        root = try Mounts.cgroup2Root()
        hasSystemd = try ServiceManager.isSystemdBooted
    }

    /// A function of the session's id, so that a restart knows it too.
    func group(of session: Session) -> ControlGroup { group(ofSession: session.id) }

    func group(ofSession id: String) -> ControlGroup {
        let membership =
            hasSystemd ? "/usher.slice/\(SystemdScope.unitName(id))" : "/\(ControlGroup.parentName)/\(id)"
        return ControlGroup(membership: membership, root: root)
    }

    /// Moves a process, and what it starts from now on, into the session's cgroup.
    ///
    /// - Parameter remaining: seconds until the session must end at the latest, which systemd enforces by itself.
    func enter(_ session: Session, pid: Int32, remaining: Int64) throws(SystemError) {
        guard hasSystemd else { return try ControlGroup.create(session.id, root: root).attach(pid) }
        let group = try SystemdScope.start(
            session: session.id, pid: pid, runtimeMaxSeconds: UInt64(max(1, remaining)),
            description: "Usher session of \(session.admission.account)", root: root,
            deadline: .after(milliseconds: Self.patience))
        guard group == self.group(of: session) else {
            throw SystemError("enter \(session.id)", refused: "systemd made the scope at \(group.membership)")
        }
    }

    func isPopulated(_ session: Session) throws(SystemError) -> Bool { try group(of: session).isPopulated }

    /// Waits so long for a tree that stands still.
    func freeze(_ session: Session, milliseconds: Int) throws(SystemError) {
        _ = try group(of: session).freeze(.after(milliseconds: milliseconds))
    }

    func kill(_ session: Session) throws(SystemError) { try group(of: session).kill() }

    /// systemd removes the scope itself when its last process has ended.
    func remove(_ session: Session) throws(SystemError) {
        let group = group(of: session)
        if !hasSystemd, try group.exists { try group.remove() }
    }

    /// logind's user manager is started by systemd outside the session's cgroup.
    func endUserManager(_ session: Session) throws(SystemError) {
        guard hasSystemd else { return }
        try SystemdScope.stopUserManager(
            uid: session.admission.uid, deadline: .after(milliseconds: Self.patience))
    }
}
