internal import GRDB

/// The migrations, in order. A migration that has shipped is never edited; a new one follows it.
enum Schema {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1 first brokered login") { database in
            try database.execute(sql: firstLogin)
        }
        migrator.registerMigration("2 teardown steps") { database in
            try database.execute(sql: teardownSteps)
        }
        migrator.registerMigration("3 receipts") { database in
            try database.execute(sql: receipts)
        }
        migrator.registerMigration("4 residue") { database in
            try database.execute(sql: residue)
        }
        migrator.registerMigration("5 session limits") { database in
            try database.execute(sql: sessionLimits)
        }
        migrator.registerMigration("6 revocations") { database in
            try database.execute(sql: revocations)
        }
        migrator.registerMigration("7 session lookup") { database in
            try database.execute(sql: sessionLookup)
        }
        return migrator
    }

    /// `clock` has one row: the latest wall-clock second at which a ticket was judged. A clock behind it is
    /// refused, so that neither pruning nor a clock set back can make a burned ticket fresh again.
    private static let firstLogin = """
        CREATE TABLE clock (
            one INTEGER PRIMARY KEY CHECK (one = 1),
            seconds INTEGER NOT NULL
        ) STRICT;
        INSERT INTO clock VALUES (1, 0);

        CREATE TABLE burned_ticket (
            issuer TEXT NOT NULL,
            ticket TEXT NOT NULL,
            expires_at INTEGER NOT NULL,
            PRIMARY KEY (issuer, ticket)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX burned_ticket_by_expiry ON burned_ticket (expires_at);

        CREATE TABLE admission (
            handle TEXT PRIMARY KEY,
            state TEXT NOT NULL CHECK (state IN ('waiting', 'used', 'lapsed')),
            boot_id TEXT NOT NULL,
            login_pid INTEGER NOT NULL,
            login_start INTEGER NOT NULL,
            account TEXT NOT NULL,
            kind TEXT NOT NULL CHECK (kind IN ('ephemeral', 'existing')),
            uid INTEGER NOT NULL,
            service TEXT NOT NULL,
            terminal TEXT,
            remote_host TEXT,
            issuer TEXT NOT NULL,
            key_id TEXT NOT NULL,
            ticket TEXT NOT NULL,
            expires_at INTEGER NOT NULL,
            subject TEXT NOT NULL,
            actor TEXT,
            owner TEXT,
            role TEXT NOT NULL,
            approval TEXT,
            change TEXT,
            max_duration INTEGER NOT NULL,
            idle_limit INTEGER,
            shell TEXT NOT NULL,
            groups TEXT NOT NULL,
            admitted_at INTEGER NOT NULL,
            admitted_boot INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX admission_by_uid ON admission (uid, admitted_at) WHERE kind = 'ephemeral';
        CREATE INDEX admission_waiting ON admission (state) WHERE state = 'waiting';

        CREATE TABLE session (
            id TEXT PRIMARY KEY,
            handle TEXT NOT NULL UNIQUE REFERENCES admission (handle),
            state TEXT NOT NULL CHECK (state IN ('opening', 'open', 'closing', 'closed')),
            leader_pid INTEGER NOT NULL,
            leader_start INTEGER NOT NULL,
            audit_session INTEGER NOT NULL,
            login_uid INTEGER NOT NULL,
            opened_at INTEGER NOT NULL,
            opened_boot INTEGER NOT NULL,
            ends_at INTEGER NOT NULL,
            ends_boot INTEGER NOT NULL,
            end_reason TEXT,
            ended_by TEXT,
            closed_at INTEGER
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX session_live ON session (opened_at) WHERE state <> 'closed';
        CREATE INDEX session_by_opening ON session (opened_at);

        CREATE TABLE refusal (
            number INTEGER PRIMARY KEY,
            reference TEXT NOT NULL,
            at INTEGER NOT NULL,
            code TEXT NOT NULL,
            reason TEXT NOT NULL,
            account TEXT NOT NULL,
            service TEXT NOT NULL,
            remote_host TEXT,
            issuer TEXT,
            ticket TEXT,
            subject TEXT
        ) STRICT;
        CREATE INDEX refusal_by_reference ON refusal (reference);
        """
}
