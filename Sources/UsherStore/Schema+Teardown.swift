extension Schema {
    /// Only of sessions that are `closing`: with `closed` they go, as what they say stands in the receipt then.
    /// `removed` and `left_over` are JSON arrays of findings.
    static let teardownSteps = """
        CREATE TABLE teardown_step (
            session TEXT NOT NULL REFERENCES session (id),
            step TEXT NOT NULL,
            microseconds INTEGER NOT NULL,
            attempts INTEGER NOT NULL,
            removed TEXT NOT NULL,
            left_over TEXT NOT NULL,
            PRIMARY KEY (session, step)
        ) STRICT, WITHOUT ROWID;
        """
}
