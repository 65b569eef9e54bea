internal import GRDB

/// A signed record of a session: its receipt, or a supplement to it.
public struct ReceiptRow: Sendable, Equatable {
    public var session: String
    /// 0 for the receipt; supplements count from 1.
    public var number: Int64
    /// Seconds since 1970-01-01 UTC.
    public var at: Int64
    /// The compact serialization.
    public var text: String
    /// How many things were left according to it.
    public var leftCount: Int64

    public init(session: String, number: Int64, at: Int64, text: String, leftCount: Int64) {
        self.session = session
        self.number = number
        self.at = at
        self.text = text
        self.leftCount = leftCount
    }
}

extension Store {
    /// The records of a session in their order; none before it is closed.
    public func receipts(session: String) throws(StoreError) -> [ReceiptRow] {
        try read { database in
            try Row.fetchAll(
                database, sql: "SELECT * FROM receipt WHERE session = ? ORDER BY number", arguments: [session]
            ).map { row in
                ReceiptRow(
                    session: row["session"], number: row["number"], at: row["at"], text: row["text"],
                    leftCount: row["left_count"])
            }
        }
    }

    static func insert(_ database: Database, _ receipt: ReceiptRow) throws {
        let statement = try database.cachedStatement(
            sql: """
                INSERT INTO receipt (session, number, at, text, left_count) VALUES (?, ?, ?, ?, ?)
                ON CONFLICT DO NOTHING
                """)
        try statement.execute(arguments: [
            receipt.session, receipt.number, receipt.at, receipt.text, receipt.leftCount,
        ])
        guard database.changesCount == 1 else { throw StoreError.conflict("the session has such a record already") }
    }
}
