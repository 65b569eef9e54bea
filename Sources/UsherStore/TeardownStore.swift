internal import GRDB

/// A step of a teardown that is not finished, so that a crash does not forget what was removed before it.
public struct TeardownStepRow: Sendable, Equatable {
    public var step: String
    public var microseconds: Int64
    public var attempts: Int64
    /// JSON array of findings.
    public var removed: String
    /// JSON array of findings.
    public var left: String

    public init(step: String, microseconds: Int64, attempts: Int64, removed: String, left: String) {
        self.step = step
        self.microseconds = microseconds
        self.attempts = attempts
        self.removed = removed
        self.left = left
    }
}

extension Store {
    /// Keeps steps of a session that is being torn down; a step that stands already is replaced. Without haste: a
    /// crash before the commit costs the words about these steps, not the steps.
    public func keep(
        _ steps: [TeardownStepRow], session: String, completion: @escaping @Sendable (StoreError?) -> Void
    ) {
        changeLater(
            { database in
                let statement = try database.cachedStatement(
                    sql: """
                        INSERT OR REPLACE INTO teardown_step (session, step, microseconds, attempts, removed, left_over)
                        VALUES (?, ?, ?, ?, ?, ?)
                        """)
                for row in steps {
                    try statement.execute(arguments: [
                        session, row.step, row.microseconds, row.attempts, row.removed, row.left,
                    ])
                }
            }, completion: completion)
    }

    /// The steps that an earlier run of the agent has kept.
    public func teardownSteps(session: String) throws(StoreError) -> [TeardownStepRow] {
        try read { database in
            try Row.fetchAll(database, sql: "SELECT * FROM teardown_step WHERE session = ?", arguments: [session])
                .map { row in
                    TeardownStepRow(
                        step: row["step"], microseconds: row["microseconds"], attempts: row["attempts"],
                        removed: row["removed"], left: row["left_over"])
                }
        }
    }
}
