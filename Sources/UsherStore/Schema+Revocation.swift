extension Schema {
    /// `revocation_list` has at most one row: the list that the host took last, whole, so that its signature can be
    /// checked again whenever the trust entries change; its number is the one that the next must exceed.
    static let revocations = """
        CREATE TABLE revocation (
            id TEXT PRIMARY KEY,
            kind TEXT NOT NULL CHECK (kind IN ('ticket', 'subject', 'account', 'role', 'key', 'all')),
            value TEXT NOT NULL,
            issuer TEXT NOT NULL,
            reason TEXT NOT NULL,
            revoked_by TEXT NOT NULL,
            at INTEGER NOT NULL,
            expires_at INTEGER,
            lifted_at INTEGER,
            lifted_by TEXT,
            lift_reason TEXT
        ) STRICT, WITHOUT ROWID;
        CREATE UNIQUE INDEX revocation_standing ON revocation (kind, issuer, value) WHERE lifted_at IS NULL;
        CREATE INDEX revocation_by_time ON revocation (at);

        CREATE TABLE revocation_list (
            one INTEGER PRIMARY KEY CHECK (one = 1),
            number INTEGER NOT NULL,
            text BLOB NOT NULL,
            taken_at INTEGER NOT NULL
        ) STRICT;
        """
}
