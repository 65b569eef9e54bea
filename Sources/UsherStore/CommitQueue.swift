internal import Dispatch
internal import GRDB
internal import Synchronization

/// Group commit. Changes that arrive while a commit waits for the disk are put together into the next one, each
/// in a savepoint of its own; a change is answered only when the commit that holds it is on the disk.
final class CommitQueue: Sendable {
    typealias Change = @Sendable (Database) throws -> Void
    typealias Completion = @Sendable ((any Error)?) -> Void

    private struct Job {
        var change: Change
        var completion: Completion
    }

    /// When a change should be on the disk.
    enum Urgency {
        /// Somebody waits for it.
        case now
        /// With the next commit that somebody waits for, or after `patience`.
        case soon
    }

    private enum Phase {
        case idle, scheduled, draining
    }

    private struct State {
        var waiting: [Job] = []
        var hasUrgent = false
        var phase = Phase.idle
    }

    /// How long changes that nobody waits for may wait for company, milliseconds.
    private static let patience: Int64 = 20

    private let database: DatabasePool
    private let executor: any CommitExecutor
    private let state = Mutex(State())

    init(database: DatabasePool, executor: any CommitExecutor) {
        self.database = database
        self.executor = executor
    }

    /// `completion` runs where commits run: it must be short.
    func submit(_ urgency: Urgency = .now, _ change: @escaping Change, completion: @escaping Completion) {
        let next = state.withLock { state in
            state.waiting.append(Job(change: change, completion: completion))
            let before = state.phase
            switch urgency {
            case .now:
                state.hasUrgent = true
                state.phase = .draining
            case .soon where before == .idle: state.phase = .scheduled
            case .soon: break
            }
            return (before, state.phase)
        }
        switch next {
        case (.idle, .scheduled): executor.run(afterMilliseconds: Self.patience) { self.drainScheduled() }
        case (.idle, .draining), (.scheduled, .draining): executor.run { self.drain() }
        default: break
        }
    }

    /// Returns when everything submitted before is on the disk, or has failed. Not to be called where commits run.
    func flush() {
        let done = DispatchSemaphore(value: 0)
        submit(.now, { _ in }, completion: { _ in done.signal() })
        done.wait()
    }

    private func drainScheduled() {
        let isOurs = state.withLock { state in
            guard state.phase == .scheduled else { return false }
            state.phase = .draining
            return true
        }
        if isOurs { drain() }
    }

    /// One commit of all that waits. What came meanwhile is the next one's, after others had their turn; what came
    /// without haste is left for later.
    private func drain() {
        let jobs = state.withLock { state in
            defer { (state.waiting, state.hasUrgent) = ([], false) }
            return state.waiting
        }
        commit(jobs)
        let next = state.withLock { state in
            state.phase = state.hasUrgent ? .draining : state.waiting.isEmpty ? .idle : .scheduled
            return state.phase
        }
        switch next {
        case .idle: break
        case .scheduled: executor.run(afterMilliseconds: Self.patience) { self.drainScheduled() }
        case .draining: executor.run { self.drain() }
        }
    }

    private func commit(_ jobs: [Job]) {
        var refusals = [(any Error)?](repeating: nil, count: jobs.count)
        var failure: (any Error)?
        do {
            try database.writeWithoutTransaction { database in
                try database.inTransaction(.immediate) {
                    if jobs.count == 1 {
                        // Nobody else's change would go with it.
                        try jobs[0].change(database)
                    } else {
                        for (index, job) in jobs.enumerated() {
                            refusals[index] = try attempt(job.change, in: database)
                        }
                    }
                    return .commit
                }
            }
        } catch {
            failure = error
        }
        for (index, job) in jobs.enumerated() {
            job.completion(failure ?? refusals[index])
        }
    }

    /// A refusal undoes this change only; an error of SQLite itself (which may have rolled everything back, see
    /// sqlite.org/lang_transaction.html section 3.1) ends the whole transaction by throwing.
    private func attempt(_ change: Change, in database: Database) throws -> (any Error)? {
        // Not GRDB's inSavepoint, which compiles its statements anew for each change.
        try database.cachedStatement(sql: "SAVEPOINT change").execute()
        var refusal: StoreError?
        do {
            try change(database)
        } catch let error as StoreError {
            refusal = error
            try database.cachedStatement(sql: "ROLLBACK TO SAVEPOINT change").execute()
        }
        try database.cachedStatement(sql: "RELEASE SAVEPOINT change").execute()
        return refusal
    }
}
