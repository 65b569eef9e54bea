internal import GRDB

/// Which session something of the kernel's audit stream belongs to, also long after it was closed.
extension Store {
    /// The session that had a number of the kernel's (`ses`) in a boot. The kernel counts anew with each boot.
    public func session(bootID: String, auditSession: UInt32) throws(StoreError) -> Session? {
        try sessions(
            where: "audit_session = ? AND boot_id = ? ORDER BY opened_at DESC LIMIT 1", [auditSession, bootID]
        ).first
    }

    /// The latest session of an ephemeral account's uid that was opened by then.
    ///
    /// - Parameter openedBy: seconds since 1970-01-01 UTC.
    public func session(ephemeralUID uid: UInt32, openedBy: Int64) throws(StoreError) -> Session? {
        try sessions(
            where: "uid = ? AND kind = 'ephemeral' AND opened_at <= ? ORDER BY admitted_at DESC LIMIT 1",
            [uid, openedBy]
        ).first
    }

    /// Sessions in an account of the host's own that had not ended by then, newest first.
    ///
    /// - Parameters:
    ///   - endedAfter, openedBy: seconds since 1970-01-01 UTC.
    public func sessions(
        existingUID uid: UInt32, endedAfter: Int64, openedBy: Int64, limit: Int
    ) throws(StoreError) -> [Session] {
        try sessions(
            where: """
                kind = 'existing' AND uid = ? AND opened_at <= ? AND (closed_at IS NULL OR closed_at >= ?)
                ORDER BY opened_at DESC LIMIT ?
                """, [uid, openedBy, endedAfter, limit])
    }

    /// Closed sessions that had not ended by a time and were opened by another, newest first.
    ///
    /// - Parameters:
    ///   - closedAfter, openedBy: seconds since 1970-01-01 UTC.
    public func sessions(closedAfter: Int64, openedBy: Int64, limit: Int) throws(StoreError) -> [Session] {
        try sessions(
            where: "opened_at <= ? AND closed_at >= ? ORDER BY opened_at DESC LIMIT ?",
            [openedBy, closedAfter, limit])
    }
}

extension Schema {
    /// For events that come after their session was closed.
    static let sessionLookup = """
        CREATE INDEX session_by_audit_session ON session (audit_session);
        CREATE INDEX admission_existing_by_uid ON admission (uid, admitted_at) WHERE kind = 'existing';
        """
}
