internal import Synchronization
internal import UsherPolicy

/// The uids of the ephemeral range that no login gets, and why: what the database holds, and what the last pass over all
/// processes saw, in memory, so that a login asks without a system call.
final class Quarantine: Sendable {
    /// A process that has a uid of the range, or its loginuid, and belongs to no session.
    struct ForeignProcess: Sendable, Equatable {
        var pid: Int32
        /// As the process names itself.
        var command: String
    }

    private struct State {
        var residue: [UInt32: Int64] = [:]
        var processes: [UInt32: [ForeignProcess]] = [:]
        var unscanned: Set<UInt32> = []
    }

    private let state: Mutex<State>

    /// - Parameters:
    ///   - residue: how many files are left, by uid.
    ///   - unscanned: uids whose files nobody has looked for since their session.
    init(residue: [UInt32: Int64] = [:], unscanned: Set<UInt32> = []) {
        state = Mutex(State(residue: residue, unscanned: unscanned))
    }

    /// Why the uid is not given; nil when it may be.
    ///
    /// - Parameter scans: whether this host looks for files of ended sessions at all.
    func reason(_ uid: UInt32, scans: Bool) -> String? {
        state.withLock { state in
            if let process = state.processes[uid]?.first {
                return
                    "process \(process.pid) (\(process.command)) has the account's uid \(uid) and belongs to no session"
            }
            if let count = state.residue[uid] {
                return
                    "\(count) files of an ended session with the account's uid \(uid) are left: see usher residue list"
            }
            guard scans, state.unscanned.contains(uid) else { return nil }
            return "the account's uid \(uid) had a session, and nobody has looked for its files since"
        }
    }

    var unscanned: Set<UInt32> { state.withLock { $0.unscanned } }

    var processes: [UInt32: [ForeignProcess]] { state.withLock { $0.processes } }

    /// A session is closed: its uid is given again only after a scan.
    func awaitScan(of uid: UInt32) {
        state.withLock { _ = $0.unscanned.insert(uid) }
    }

    func scanned(_ uids: Set<UInt32>) {
        state.withLock { $0.unscanned.subtract(uids) }
    }

    /// - Parameter count: 0 frees the uid.
    func setResidue(_ count: Int64, of uid: UInt32) {
        state.withLock { $0.residue[uid] = count > 0 ? count : nil }
    }

    /// Replaces what the pass before saw; returns what it did not see.
    func setProcesses(_ processes: [UInt32: [ForeignProcess]]) -> [UInt32: [ForeignProcess]] {
        state.withLock { state in
            defer { state.processes = processes }
            return processes.filter { state.processes[$0.key] != $0.value }
        }
    }
}
