internal import GRDB

extension Store {
    /// Moves the end of a live session and writes who did it, in one transaction. Refused when the session is not live,
    /// or when its end is not the one that the caller judged by.
    ///
    /// - Parameters:
    ///   - from: the end that stands, boot clock, nanoseconds.
    ///   - to: the new end on that clock.
    public func extend(
        id: String, from: Int64, to: Int64, _ extension: SessionExtension
    ) async throws(StoreError) {
        let addition = `extension`
        try await change { database in
            let update = try database.cachedStatement(
                sql: """
                    UPDATE session SET ends_boot = ?, ends_at = ?
                    WHERE id = ? AND ends_boot = ? AND state IN ('opening', 'open')
                    """)
            try update.execute(arguments: [to, addition.endsAt, id, from])
            guard database.changesCount == 1 else {
                throw StoreError.conflict("the session is not open, or its end was moved meanwhile")
            }
            try database.execute(
                sql: """
                    INSERT INTO session_extension (session, at, by, reason, seconds, ends_at)
                    VALUES (?, ?, ?, ?, ?, ?)
                    """,
                arguments: [id, addition.at, addition.by, addition.reason, addition.seconds, addition.endsAt])
        }
    }

    /// The extensions of a session, oldest first.
    public func extensions(of id: String) throws(StoreError) -> [SessionExtension] {
        try read { database in
            try Row.fetchAll(
                database, sql: "SELECT * FROM session_extension WHERE session = ? ORDER BY number", arguments: [id]
            ).map { row in
                SessionExtension(
                    at: row["at"], by: row["by"], reason: row["reason"], seconds: row["seconds"],
                    endsAt: row["ends_at"])
            }
        }
    }
}
