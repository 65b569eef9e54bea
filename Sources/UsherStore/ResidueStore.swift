internal import GRDB

/// What scans found of a uid whose session is over. Times are seconds since 1970-01-01 UTC.
public struct ResidueRow: Sendable, Equatable {
    /// How it came to an end, by whom and why.
    public struct Settlement: Sendable, Equatable {
        /// `adopted`, `removed` or `gone`.
        public var how: String
        public var at: Int64
        public var by: String
        public var reason: String?

        public init(how: String, at: Int64, by: String, reason: String?) {
            self.how = how
            self.at = at
            self.by = by
            self.reason = reason
        }
    }

    public var uid: UInt32
    /// The last session that had the uid; nil when the database knows none.
    public var session: String?
    public var account: String?
    /// How many files, directories and others.
    public var found: Int64
    /// The first of them, a JSON array.
    public var findings: String
    public var foundAt: Int64
    public var seenAt: Int64
    /// Nil while the uid is in quarantine for it.
    public var settlement: Settlement?

    public init(
        uid: UInt32, session: String?, account: String?, found: Int64, findings: String, foundAt: Int64, seenAt: Int64,
        settlement: Settlement? = nil
    ) {
        self.uid = uid
        self.session = session
        self.account = account
        self.found = found
        self.findings = findings
        self.foundAt = foundAt
        self.seenAt = seenAt
        self.settlement = settlement
    }
}

extension Store {
    /// Writes what is found of a uid, or how it was settled, and the record that its session gets for it.
    public func save(_ row: ResidueRow, supplement: ReceiptRow?) async throws(StoreError) {
        try await change { database in
            let settlement = row.settlement
            try database.cachedStatement(
                sql: """
                    INSERT INTO residue (uid, session, account, found, findings, found_at, seen_at)
                    VALUES (?, ?, ?, ?, ?, ?, ?)
                    ON CONFLICT (uid) WHERE settled IS NULL DO UPDATE SET
                        found = excluded.found, findings = excluded.findings, seen_at = excluded.seen_at
                    """
            ).execute(arguments: [
                row.uid, row.session, row.account, row.found, row.findings, row.foundAt, row.seenAt,
            ])
            if let settlement {
                try database.cachedStatement(
                    sql: """
                        UPDATE residue SET settled = ?, settled_at = ?, settled_by = ?, settled_reason = ?
                        WHERE uid = ? AND settled IS NULL
                        """
                ).execute(arguments: [settlement.how, settlement.at, settlement.by, settlement.reason, row.uid])
            }
            if let supplement { try Store.insert(database, supplement) }
        }
    }

    /// A scan of everything that began after these uids' sessions were closed is through.
    public func forgetUnscanned(_ uids: Set<UInt32>) async throws(StoreError) {
        try await change { database in
            let statement = try database.cachedStatement(sql: "DELETE FROM unscanned_uid WHERE uid = ?")
            for uid in uids { try statement.execute(arguments: [uid]) }
        }
    }

    public func unscannedUIDs() throws(StoreError) -> Set<UInt32> {
        try read { try UInt32.fetchSet($0, sql: "SELECT uid FROM unscanned_uid") }
    }

    /// What is not settled, oldest first.
    public func openResidue() throws(StoreError) -> [ResidueRow] {
        try residue("WHERE settled IS NULL ORDER BY found_at, uid", [])
    }

    /// Settled residue too, oldest first; the newest so many.
    public func residue(limit: Int) throws(StoreError) -> [ResidueRow] {
        try residue("ORDER BY settled IS NULL DESC, number DESC LIMIT ?", [limit]).reversed()
    }

    /// The last session that had the uid, closed or not.
    public func lastSession(uid: UInt32) throws(StoreError) -> Session? {
        try sessions(
            where: "admission.kind = 'ephemeral' AND admission.uid = ? ORDER BY opened_at DESC LIMIT 1", [uid]
        ).first
    }

    private func residue(_ condition: String, _ arguments: StatementArguments) throws(StoreError) -> [ResidueRow] {
        try read { database in
            try Row.fetchAll(database, sql: "SELECT * FROM residue \(condition)", arguments: arguments)
                .map(ResidueRow.init(row:))
        }
    }
}

extension ResidueRow {
    init(row: Row) throws {
        self.init(
            uid: row["uid"], session: row["session"], account: row["account"], found: row["found"],
            findings: row["findings"], foundAt: row["found_at"], seenAt: row["seen_at"])
        let how: String? = row["settled"]
        settlement = how.map {
            Settlement(how: $0, at: row["settled_at"], by: row["settled_by"], reason: row["settled_reason"])
        }
    }
}
