extension Schema {
    /// `unscanned_uid`: uids of sessions that were closed since the last scan of everything began. `residue`: what scans
    /// found of a uid, one row until it is settled; `findings` is a JSON array of the first ones.
    static let residue = """
        CREATE TABLE unscanned_uid (uid INTEGER PRIMARY KEY) STRICT;

        CREATE TABLE residue (
            number INTEGER PRIMARY KEY,
            uid INTEGER NOT NULL,
            session TEXT REFERENCES session (id),
            account TEXT,
            found INTEGER NOT NULL,
            findings TEXT NOT NULL,
            found_at INTEGER NOT NULL,
            seen_at INTEGER NOT NULL,
            settled TEXT CHECK (settled IN ('adopted', 'removed', 'gone')),
            settled_at INTEGER,
            settled_by TEXT,
            settled_reason TEXT
        ) STRICT;
        CREATE UNIQUE INDEX residue_open ON residue (uid) WHERE settled IS NULL;
        """
}
