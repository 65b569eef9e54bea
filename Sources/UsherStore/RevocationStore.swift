internal import Foundation
internal import GRDB

extension Store {
    /// How many revocations by command may stand at once: they are judged in memory, and each stands until it is
    /// lifted.
    public static let mostRevocations = 4096

    /// Makes a revocation durable. It counts in memory from before that on; when the disk refuses it, it no longer
    /// does.
    ///
    /// - Returns: the one that stands for the same already; nil when this one is new.
    public func revoke(_ revocation: Revocation) async throws(StoreError) -> Revocation? {
        guard revocations.count(.command) < Store.mostRevocations else {
            throw .unavailable("\(Store.mostRevocations) revocations stand, as many as are kept: lift some")
        }
        if let standing = revocations.insert(revocation) {
            // Its own commit may still be on its way; this one comes behind it.
            try await change { _ in }
            guard revocations.insert(standing) != nil else {
                revocations.remove(standing)
                throw .unavailable("the same revocation failed a moment ago; try again")
            }
            return standing
        }
        do {
            try await change { database in
                let statement = try database.cachedStatement(
                    sql: """
                        INSERT INTO revocation (id, kind, value, issuer, reason, revoked_by, at, expires_at)
                        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                        """)
                try statement.execute(arguments: [
                    revocation.id, revocation.kind.rawValue, revocation.value, revocation.issuer, revocation.reason,
                    revocation.by, revocation.at, revocation.expiresAt,
                ])
            }
            return nil
        } catch {
            revocations.remove(revocation)
            throw error
        }
    }

    /// Lifts one that stands by command. Only once that is on the disk do logins pass again.
    ///
    /// - Returns: the revocation as it is now; nil when none of this id stands.
    public func liftRevocation(id: String, _ lifting: Revocation.Lifting) async throws(StoreError) -> Revocation? {
        guard var found = revocations.all().first(where: { $0.id == id && $0.source == .command }) else { return nil }
        do {
            try await change { database in
                let statement = try database.cachedStatement(
                    sql: """
                        UPDATE revocation SET lifted_at = ?, lifted_by = ?, lift_reason = ?
                        WHERE id = ? AND lifted_at IS NULL
                        """)
                try statement.execute(arguments: [lifting.at, lifting.by, lifting.reason, id])
                guard database.changesCount == 1 else { throw StoreError.conflict("the revocation does not stand") }
            }
        } catch .conflict {
            return nil
        }
        revocations.remove(found)
        found.lifted = lifting
        return found
    }

    /// Those by command that were lifted, newest first.
    public func liftedRevocations(limit: Int) throws(StoreError) -> [Revocation] {
        try read { database in
            try Row.fetchAll(
                database, sql: "SELECT * FROM revocation WHERE lifted_at IS NOT NULL ORDER BY at DESC, id LIMIT ?",
                arguments: [limit]
            ).map(Revocation.init(row:))
        }
    }

    /// Forgets revocations of tickets that can no longer be presented; see `pruneTickets`.
    ///
    /// - Parameter before: seconds since 1970; those of tickets that expired earlier go.
    public func pruneRevocations(expiredBefore before: Int64) async throws(StoreError) {
        let gone = revocations.all().filter { $0.source == .command && ($0.expiresAt ?? .max) < before }
        try await change { database in
            try database.execute(
                sql: "DELETE FROM revocation WHERE expires_at < ? AND ? <= (SELECT seconds FROM clock)",
                arguments: [before, before])
        }
        let standing = Set(try standingRevocations().map(\.id))
        for revocation in gone where !standing.contains(revocation.id) { revocations.remove(revocation) }
    }

    /// Makes a signed list the one in force: its text, so its number and entries, is on the disk before they count as
    /// the host's. While the disk is waited for, the entries of the old list and of the new one count.
    ///
    /// - Parameters:
    ///   - text: the list as it was signed, its signature verified.
    ///   - number: must be larger than that of the list before.
    ///   - now: wall clock, seconds since 1970; refused when it is behind the high-water mark, which it then becomes.
    public func takeList(
        text: [UInt8], number: Int64, entries: [Revocation], now: Int64, tolerance: Int64
    ) async throws(StoreError) {
        let before = revocations.all().filter { $0.source == .list }
        revocations.replace(.list, by: before + entries)
        do {
            try await change { database in
                try Store.advanceClock(database, now: now, tolerance: tolerance)
                try database.execute(
                    sql: """
                        INSERT INTO revocation_list (one, number, text, taken_at) VALUES (1, ?, ?, ?)
                        ON CONFLICT (one) DO UPDATE SET number = excluded.number, text = excluded.text,
                            taken_at = excluded.taken_at WHERE excluded.number > number
                        """, arguments: [number, Data(text), now])
                guard database.changesCount == 1 else {
                    throw StoreError.conflict("a list of this number or a larger one was taken before")
                }
            }
        } catch {
            revocations.replace(.list, by: before)
            throw error
        }
        revocations.replace(.list, by: entries)
    }

    /// The text of the list that was taken last; nil when there was none.
    public func takenList() throws(StoreError) -> [UInt8]? {
        try read { database in
            try Data.fetchOne(database, sql: "SELECT text FROM revocation_list").map { [UInt8]($0) }
        }
    }

    /// The latest wall-clock second at which something was judged.
    public func clockMark() throws(StoreError) -> Int64 {
        try read { try Int64.fetchOne($0, sql: "SELECT seconds FROM clock") ?? 0 }
    }

    /// The issuer and expiry of a ticket that this host has admitted; nil when it has not.
    public func admittedTicket(id: String) throws(StoreError) -> (issuer: String, expiresAt: Int64)? {
        try read { database in
            try Row.fetchOne(
                database, sql: "SELECT issuer, expires_at FROM admission WHERE ticket = ? LIMIT 1", arguments: [id]
            ).map { (issuer: $0["issuer"], expiresAt: $0["expires_at"]) }
        }
    }

    /// An admission in whatever state.
    public func admission(handle: String) throws(StoreError) -> Admission? {
        try read { database in
            try Row.fetchOne(database, sql: "SELECT * FROM admission WHERE handle = ?", arguments: [handle])
                .map(Admission.init(row:))
        }
    }

    func standingRevocations() throws(StoreError) -> [Revocation] {
        try read { database in
            try Row.fetchAll(database, sql: "SELECT * FROM revocation WHERE lifted_at IS NULL")
                .map(Revocation.init(row:))
        }
    }

    /// For the transactions that let somebody in.
    func requireNotRevoked(_ admission: Admission) throws {
        if let revocation = revocations.match(admission.ticket, account: admission.account) {
            throw StoreError.revoked(revocation)
        }
    }
}

extension Revocation {
    init(row: Row) throws {
        guard let kind = Kind(rawValue: row["kind"]) else {
            throw StoreError.unavailable("a revocation's kind is unknown")
        }
        let liftedAt: Int64? = row["lifted_at"]
        self.init(
            id: row["id"], kind: kind, value: row["value"], issuer: row["issuer"], reason: row["reason"],
            by: row["revoked_by"], at: row["at"], expiresAt: row["expires_at"], source: .command,
            lifted: liftedAt.map {
                Lifting(at: $0, by: row["lifted_by"] ?? "", reason: row["lift_reason"] ?? "")
            })
    }
}
