internal import GRDB

/// The agent's durable state: one SQLite database, WAL, `synchronous=FULL`, written through one group-committing
/// queue. Every method that changes something returns only when the change is on the disk.
public final class Store: Sendable {
    let database: DatabasePool
    /// What is revoked: those by command as the database has them, and what lists and trust entries add.
    public let revocations = RevocationSet()
    private let commits: CommitQueue

    /// Opens or makes the database and brings its schema up to date.
    ///
    /// - Parameters:
    ///   - path: the directory must exist, owned by root and closed to others.
    ///   - commits: where commits run.
    public init(path: String, commits executor: any CommitExecutor = CommitThread()) throws(StoreError) {
        do {
            var configuration = Configuration()
            configuration.maximumReaderCount = 2
            configuration.busyMode = .timeout(5)
            configuration.prepareDatabase { database in
                try database.execute(sql: "PRAGMA cache_size = -1024")
            }
            database = try DatabasePool(path: path, configuration: configuration)
            try Self.makeCommitsDurable(database)
            try Schema.migrator.migrate(database)
            let known = Schema.migrator.migrations.count
            let applied = try database.read { try Schema.migrator.appliedIdentifiers($0).count }
            guard applied == known else { throw StoreError.unavailable("the database is of a newer version of Usher") }
            commits = CommitQueue(database: database, executor: executor)
            revocations.replace(.command, by: try standingRevocations())
        } catch {
            throw StoreError(error)
        }
    }

    /// A commit is answered to somebody who then acts on it: it must survive a power cut. GRDB sets `synchronous` to
    /// NORMAL when it opens a pool, after `prepareDatabase` (Database.setUpWALMode), and then a commit reaches the disk
    /// only with the next checkpoint; so it is set here, and looked at.
    private static func makeCommitsDurable(_ database: DatabasePool) throws {
        let level = try database.writeWithoutTransaction { database in
            try database.execute(sql: "PRAGMA synchronous = FULL")
            return try Int.fetchOne(database, sql: "PRAGMA synchronous")
        }
        // https://www.sqlite.org/pragma.html#pragma_synchronous: FULL is 2.
        guard level == 2 else { throw StoreError.unavailable("the database does not sync its commits") }
    }

    func change(
        _ urgency: CommitQueue.Urgency = .now, _ change: @escaping @Sendable (Database) throws -> Void
    ) async throws(StoreError) {
        let failure: StoreError? = await withCheckedContinuation { continuation in
            commits.submit(urgency, change) { error in
                continuation.resume(returning: error.map { StoreError($0) })
            }
        }
        if let failure { throw failure }
    }

    /// For changes that nobody waits for; `completion` tells a failure.
    func changeLater(
        _ change: @escaping @Sendable (Database) throws -> Void,
        completion: @escaping @Sendable (StoreError?) -> Void
    ) {
        commits.submit(.soon, change) { error in completion(error.map { StoreError($0) }) }
    }

    func read<Value>(_ body: (Database) throws -> Value) throws(StoreError) -> Value {
        do {
            return try database.read(body)
        } catch {
            throw StoreError(error)
        }
    }

    /// How many sessions and admissions stand, and whether the file can be read at all.
    public func check() throws(StoreError) {
        _ = try read { try Int.fetchOne($0, sql: "SELECT count(*) FROM session WHERE state <> 'closed'") }
    }

    /// Waits for the queue and closes the database.
    public func close() throws(StoreError) {
        commits.flush()
        do {
            try database.close()
        } catch {
            throw StoreError(error)
        }
    }
}
