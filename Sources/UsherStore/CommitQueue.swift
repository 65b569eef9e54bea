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

    private struct State {
        var waiting: [Job] = []
        var draining = false
    }

    private let database: DatabasePool
    private let queue = DispatchQueue(label: "usher.commit", qos: .userInitiated)
    private let state = Mutex(State())

    init(database: DatabasePool) {
        self.database = database
    }

    /// `completion` runs on the commit queue: it must be short.
    func submit(_ change: @escaping Change, completion: @escaping Completion) {
        let start = state.withLock { state in
            state.waiting.append(Job(change: change, completion: completion))
            defer { state.draining = true }
            return !state.draining
        }
        if start { queue.async { self.drain() } }
    }

    private func drain() {
        while true {
            let jobs = state.withLock { state in
                defer { state.waiting = [] }
                if state.waiting.isEmpty { state.draining = false }
                return state.waiting
            }
            if jobs.isEmpty { return }
            commit(jobs)
        }
    }

    private func commit(_ jobs: [Job]) {
        var refusals = [(any Error)?](repeating: nil, count: jobs.count)
        var failure: (any Error)?
        do {
            try database.writeWithoutTransaction { database in
                try database.inTransaction(.immediate) {
                    for (index, job) in jobs.enumerated() {
                        refusals[index] = try attempt(job.change, in: database)
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
