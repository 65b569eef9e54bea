internal import GRDB

extension Store {
    /// How many refusals are kept: a flood of bad logins must not fill the disk.
    public static let keptRefusals = 20_000

    /// Keeps a refusal for `usher why`. The journal has it already; a failure here loses only the short cut.
    public func keep(_ refusal: RefusalRecord, completion: @escaping @Sendable (StoreError?) -> Void) {
        changeLater(
            { database in
                let statement = try database.cachedStatement(
                    sql: """
                        INSERT INTO refusal (reference, at, code, reason, account, service, remote_host, issuer,
                            ticket, subject) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                        """)
                try statement.execute(arguments: [
                    refusal.reference, refusal.at, refusal.code, refusal.reason, refusal.account, refusal.service,
                    refusal.remoteHost, refusal.issuer, refusal.ticketID, refusal.subject,
                ])
                let oldest = database.lastInsertedRowID - Int64(Store.keptRefusals)
                try database.cachedStatement(sql: "DELETE FROM refusal WHERE number <= ?").execute(arguments: [oldest])
            }, completion: completion)
    }

    /// The latest refusal with this reference, also one whose row is still on its way to the disk.
    public func refusal(reference: String) async throws(StoreError) -> RefusalRecord? {
        do {
            try await change { _ in }
        } catch {
            // A disk that takes no rows says so where they are kept; what it holds can still be read.
        }
        return try read { database in
            try Row.fetchOne(
                database, sql: "SELECT * FROM refusal WHERE reference = ? ORDER BY number DESC LIMIT 1",
                arguments: [reference]
            ).map { row in
                RefusalRecord(
                    reference: row["reference"], at: row["at"], code: row["code"], reason: row["reason"],
                    account: row["account"], service: row["service"], remoteHost: row["remote_host"],
                    issuer: row["issuer"], ticketID: row["ticket"], subject: row["subject"])
            }
        }
    }
}
