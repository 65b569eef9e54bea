internal import GRDB

extension Store {
    /// Uses up the admission and writes the session, in state `opening`, in one transaction, unless something about
    /// it is revoked by then.
    public func open(_ session: Session) async throws(StoreError) {
        try await change { database in
            try self.requireNotRevoked(session.admission)
            try Store.move(database, handle: session.admission.handle, to: .used)
            let statement = try database.cachedStatement(
                sql: """
                    INSERT INTO session (id, handle, state, leader_pid, leader_start, audit_session, login_uid,
                        opened_at, opened_boot, ends_at, ends_boot)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                    """)
            try statement.execute(arguments: [
                session.id, session.admission.handle, session.state.rawValue, session.leader.pid,
                Int64(bitPattern: session.leader.startTime), session.auditSession, session.loginUID,
                session.openedAt, session.openedBoot, session.endsAt, session.endsBoot,
            ])
        }
    }

    /// `opening` → `open`. Nobody waits for this one: a restart takes a session that is still `opening` for one
    /// whose tag was never written, and ends it.
    public func confirmOpen(id: String, completion: @escaping @Sendable (StoreError?) -> Void) {
        changeLater(
            { database in
                try Store.update(
                    database, "UPDATE session SET state = 'open' WHERE id = ? AND state = 'opening'", [id])
            }, completion: completion)
    }

    /// `opening` or `open` → `closing`, with who and why.
    ///
    /// - Parameter at: seconds since 1970-01-01 UTC.
    public func beginClosing(id: String, reason: String, by: String, at: Int64) async throws(StoreError) {
        try await change { database in
            try Store.update(
                database,
                """
                UPDATE session SET state = 'closing', end_reason = ?, ended_by = ?, ended_at = ?
                WHERE id = ? AND state IN ('opening', 'open')
                """, [reason, by, at, id])
        }
    }

    /// `closing` → `closed`, and its receipt with it; a scan has yet to look for files of its uid. Without haste, as a restart would find the same.
    public func close(_ receipt: ReceiptRow) async throws(StoreError) {
        try await change(.soon) { database in
            try Store.update(
                database, "UPDATE session SET state = 'closed', closed_at = ? WHERE id = ? AND state = 'closing'",
                [receipt.at, receipt.session])
            try Store.insert(database, receipt)
            try database.cachedStatement(
                sql: """
                    INSERT OR IGNORE INTO unscanned_uid SELECT uid FROM admission
                    JOIN session ON admission.handle = session.handle WHERE session.id = ? AND kind = 'ephemeral'
                    """
            ).execute(arguments: [receipt.session])
            try database.cachedStatement(sql: "DELETE FROM teardown_step WHERE session = ?")
                .execute(arguments: [receipt.session])
        }
    }

    /// Sessions that are not closed, oldest first.
    public func liveSessions() throws(StoreError) -> [Session] {
        try sessions(where: "session.state <> 'closed' ORDER BY opened_at, id", [])
    }

    /// All sessions that the database knows, newest first.
    public func sessions(limit: Int) throws(StoreError) -> [Session] {
        try sessions(where: "TRUE ORDER BY opened_at DESC, id LIMIT ?", [limit])
    }

    public func session(id: String) throws(StoreError) -> Session? {
        try sessions(where: "session.id = ?", [id]).first
    }

    func sessions(where condition: String, _ arguments: StatementArguments) throws(StoreError) -> [Session] {
        try read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT admission.*, session.id, session.state AS session_state, leader_pid, leader_start,
                        audit_session, login_uid, opened_at, opened_boot, ends_at, ends_boot, end_reason, ended_by, ended_at,
                        closed_at,
                        (SELECT left_count FROM receipt WHERE receipt.session = session.id
                            ORDER BY number DESC LIMIT 1) AS left_count
                    FROM session JOIN admission ON admission.handle = session.handle WHERE \(condition)
                    """, arguments: arguments
            ).map(Session.init(row:))
        }
    }

    private static func update(_ database: Database, _ sql: String, _ arguments: StatementArguments) throws {
        try database.cachedStatement(sql: sql).execute(arguments: arguments)
        guard database.changesCount == 1 else { throw StoreError.conflict("the session is not in that state") }
    }
}

extension Session {
    init(row: Row) throws {
        guard let state = SessionState(rawValue: row["session_state"]) else {
            throw StoreError.unavailable("a session's state is unknown")
        }
        self.init(
            id: row["id"], state: state, admission: try Admission(row: row),
            leader: ProcessKey(pid: row["leader_pid"], startTime: UInt64(bitPattern: row["leader_start"])),
            auditSession: row["audit_session"], loginUID: row["login_uid"], openedAt: row["opened_at"],
            openedBoot: row["opened_boot"], endsAt: row["ends_at"], endsBoot: row["ends_boot"],
            endReason: row["end_reason"], endedBy: row["ended_by"], endedAt: row["ended_at"],
            closedAt: row["closed_at"], leftCount: row["left_count"])
    }
}
