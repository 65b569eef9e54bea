extension Schema {
    /// Signed records of a session: number 0 is its receipt, the others are supplements. `left_count` is how many things
    /// were left when the record was signed. `ended_at` is when the end of a session began.
    static let receipts = """
        CREATE TABLE receipt (
            session TEXT NOT NULL REFERENCES session (id),
            number INTEGER NOT NULL,
            at INTEGER NOT NULL,
            text TEXT NOT NULL,
            left_count INTEGER NOT NULL,
            UNIQUE (session, number)
        ) STRICT;

        ALTER TABLE session ADD COLUMN ended_at INTEGER;
        """
}
