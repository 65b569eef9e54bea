internal import Synchronization
internal import UsherStore

/// A session that is not closed, with what only the running agent needs to know.
struct LiveSession: Sendable {
    var session: Session
    /// When, on the boot clock, the leader reported that its tag reached the kernel.
    var taggedBoot: Int64?
    /// The operator's process is in the session's cgroup.
    var entered = false

    var id: String { session.id }
    var isClosing: Bool { session.state == .closing || session.state == .closed }
}

/// What is live now: waiting admissions and sessions. The database holds the same, durably; this is what a call
/// is judged by without reading it.
final class Registry: Sendable {
    private struct State {
        var admissions: [String: Admission] = [:]
        var sessions: [String: LiveSession] = [:]
        var ephemeralUIDs: Set<UInt32> = []
    }

    private let state = Mutex(State())

    /// Admissions and sessions together.
    var count: Int { state.withLock { $0.admissions.count + $0.sessions.count } }

    var sessionCount: Int { state.withLock { $0.sessions.count } }

    func holds(uid: UInt32) -> Bool { state.withLock { $0.ephemeralUIDs.contains(uid) } }

    /// The uids of ephemeral accounts that are live, or may become so at any moment.
    var heldUIDs: Set<UInt32> { state.withLock { $0.ephemeralUIDs } }

    func admissions() -> [Admission] { state.withLock { Array($0.admissions.values) } }

    func admission(handle: String) -> Admission? { state.withLock { $0.admissions[handle] } }

    /// Makes the admission known; false when its uid is held by another.
    func reserve(_ admission: Admission) -> Bool {
        state.withLock { state in
            if admission.kind == .ephemeral {
                guard state.ephemeralUIDs.insert(admission.uid).inserted else { return false }
            }
            state.admissions[admission.handle] = admission
            return true
        }
    }

    /// Takes an admission that becomes a session: nobody else gets it. Its uid stays held.
    func take(handle: String) -> Admission? {
        state.withLock { $0.admissions.removeValue(forKey: handle) }
    }

    /// Forgets a waiting admission and frees its uid.
    @discardableResult
    func release(handle: String) -> Bool {
        state.withLock { state in
            guard let admission = state.admissions.removeValue(forKey: handle) else { return false }
            state.ephemeralUIDs.remove(admission.uid)
            return true
        }
    }

    /// Frees the uid of a taken admission that did not become a session.
    func releaseUID(of admission: Admission) {
        state.withLock { _ = $0.ephemeralUIDs.remove(admission.uid) }
    }

    func add(_ live: LiveSession) {
        state.withLock { state in
            if live.session.admission.kind == .ephemeral { state.ephemeralUIDs.insert(live.session.admission.uid) }
            state.sessions[live.id] = live
        }
    }

    func session(id: String) -> LiveSession? { state.withLock { $0.sessions[id] } }

    func session(handle: String) -> LiveSession? {
        state.withLock { state in state.sessions.values.first { $0.session.admission.handle == handle } }
    }

    func session(auditSession: UInt32) -> LiveSession? {
        state.withLock { state in state.sessions.values.first { $0.session.auditSession == auditSession } }
    }

    func session(ephemeralUID uid: UInt32) -> LiveSession? {
        state.withLock { state in
            guard state.ephemeralUIDs.contains(uid) else { return nil }
            return state.sessions.values.first {
                $0.session.admission.kind == .ephemeral && $0.session.admission.uid == uid
            }
        }
    }

    /// Oldest first.
    func sessions() -> [LiveSession] {
        state.withLock { state in
            state.sessions.values.sorted { ($0.session.openedAt, $0.id) < ($1.session.openedAt, $1.id) }
        }
    }

    /// Changes a session where it stands; nil when there is none of that id.
    func update<Result: Sendable>(id: String, _ change: (inout LiveSession) -> Result) -> Result? {
        state.withLock { state in
            guard var live = state.sessions[id] else { return nil }
            defer { state.sessions[id] = live }
            return change(&live)
        }
    }

    /// Forgets a closed session and frees its uid.
    func remove(id: String) {
        state.withLock { state in
            guard let live = state.sessions.removeValue(forKey: id) else { return }
            state.ephemeralUIDs.remove(live.session.admission.uid)
        }
    }
}
