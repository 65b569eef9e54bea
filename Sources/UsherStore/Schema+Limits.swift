extension Schema {
    /// `session_extension` tells who moved a session's end and why; the session's own `ends_at` and `ends_boot` hold.
    static let sessionLimits = """
        ALTER TABLE admission ADD COLUMN idle_counts TEXT NOT NULL DEFAULT 'input'
            CHECK (idle_counts IN ('input', 'io'));

        CREATE TABLE session_extension (
            number INTEGER PRIMARY KEY,
            session TEXT NOT NULL REFERENCES session (id),
            at INTEGER NOT NULL,
            by TEXT NOT NULL,
            reason TEXT NOT NULL,
            seconds INTEGER NOT NULL CHECK (seconds > 0),
            ends_at INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX session_extension_by_session ON session_extension (session);
        """
}
