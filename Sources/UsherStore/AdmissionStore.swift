internal import GRDB

extension Store {
    /// Burns the ticket and writes the admission in one transaction, unless something about it is revoked by then.
    ///
    /// - Parameters:
    ///   - now: wall clock, seconds since 1970; becomes the high-water mark.
    ///   - tolerance: how many seconds the clock may be behind the mark.
    ///   - quarantine: seconds during which a uid that had a session is not given again.
    public func admit(
        _ admission: Admission, now: Int64, tolerance: Int64, quarantine: Int64
    ) async throws(StoreError) {
        try await change { database in
            try self.requireNotRevoked(admission)
            try Store.advanceClock(database, now: now, tolerance: tolerance)
            try Store.burn(database, admission.ticket)
            if admission.kind == .ephemeral {
                try Store.requireFreeUID(database, admission.uid, since: now - quarantine)
            }
            try Store.insert(database, admission)
        }
    }

    /// Moves a waiting admission to `lapsed`.
    ///
    /// - Returns: false when it was not waiting any more.
    @discardableResult
    public func lapse(handle: String) async throws(StoreError) -> Bool {
        do {
            try await change { database in
                try Store.move(database, handle: handle, to: .lapsed)
            }
            return true
        } catch .conflict {
            return false
        }
    }

    /// All admissions that wait for their session.
    public func waitingAdmissions() throws(StoreError) -> [Admission] {
        try read { database in
            try Row.fetchAll(database, sql: "SELECT * FROM admission WHERE state = 'waiting'").map(Admission.init(row:))
        }
    }

    /// Would `admit` refuse this ticket or uid? Changes nothing.
    public func wouldRefuse(
        _ ticket: TicketFacts, uid: UInt32?, now: Int64, tolerance: Int64, quarantine: Int64
    ) throws(StoreError) -> StoreError? {
        try read { database in
            do {
                let mark = try Int64.fetchOne(database, sql: "SELECT seconds FROM clock") ?? 0
                if now + tolerance < mark { return .clockBehind(seconds: mark - now) }
                let burned = try Bool.fetchOne(
                    database, sql: "SELECT EXISTS (SELECT 1 FROM burned_ticket WHERE issuer = ? AND ticket = ?)",
                    arguments: [ticket.issuer, ticket.ticketID])
                if burned ?? true { return .replayed }
                if let uid { try Store.requireFreeUID(database, uid, since: now - quarantine) }
                return nil
            } catch let refusal as StoreError {
                return refusal
            }
        }
    }

    /// Forgets burned tickets that can no longer be presented.
    ///
    /// - Parameter before: seconds since 1970; tickets that expired earlier go. The caller leaves at least
    ///   twice the skew between this and the clock.
    public func pruneTickets(expiredBefore before: Int64) async throws(StoreError) {
        try await change { database in
            try database.execute(
                sql: "DELETE FROM burned_ticket WHERE expires_at < ? AND ? <= (SELECT seconds FROM clock)",
                arguments: [before, before])
        }
    }

    static func advanceClock(_ database: Database, now: Int64, tolerance: Int64) throws {
        let mark = try database.cachedStatement(sql: "SELECT seconds FROM clock")
        let seconds = try Int64.fetchOne(mark) ?? 0
        guard now + tolerance >= seconds else { throw StoreError.clockBehind(seconds: seconds - now) }
        guard now > seconds else { return }
        try database.cachedStatement(sql: "UPDATE clock SET seconds = ?").execute(arguments: [now])
    }

    private static func burn(_ database: Database, _ ticket: TicketFacts) throws {
        let statement = try database.cachedStatement(
            sql: "INSERT INTO burned_ticket (issuer, ticket, expires_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING")
        try statement.execute(arguments: [ticket.issuer, ticket.ticketID, ticket.expiresAt])
        guard database.changesCount == 1 else { throw StoreError.replayed }
    }

    /// A lapsed admission never had a process with its uid, so it does not keep the uid.
    private static func requireFreeUID(_ database: Database, _ uid: UInt32, since: Int64) throws {
        let statement = try database.cachedStatement(
            sql: """
                SELECT 1 FROM admission
                WHERE kind = 'ephemeral' AND uid = ? AND (
                    (state <> 'lapsed' AND admitted_at >= ?) OR state = 'waiting'
                    OR handle IN (SELECT handle FROM session WHERE state <> 'closed'))
                LIMIT 1
                """)
        guard try Int.fetchOne(statement, arguments: [uid, since]) == nil else { throw StoreError.uidBusy }
    }

    static func move(_ database: Database, handle: String, to state: AdmissionState) throws {
        let statement = try database.cachedStatement(
            sql: "UPDATE admission SET state = ? WHERE handle = ? AND state = 'waiting'")
        try statement.execute(arguments: [state.rawValue, handle])
        guard database.changesCount == 1 else { throw StoreError.conflict("the admission does not wait any more") }
    }

    private static func insert(_ database: Database, _ admission: Admission) throws {
        let statement = try database.cachedStatement(
            sql: """
                INSERT INTO admission (handle, state, boot_id, login_pid, login_start, account, kind, uid, service,
                    terminal, remote_host, issuer, key_id, ticket, expires_at, subject, actor, owner, role, approval,
                    change, max_duration, idle_limit, idle_counts, shell, groups, admitted_at, admitted_boot)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """)
        let ticket = admission.ticket
        try statement.execute(arguments: [
            admission.handle, admission.state.rawValue, admission.bootID, admission.login.pid,
            Int64(bitPattern: admission.login.startTime), admission.account, admission.kind.rawValue, admission.uid,
            admission.service, admission.terminal, admission.remoteHost, ticket.issuer, ticket.keyID, ticket.ticketID,
            ticket.expiresAt, ticket.subject, ticket.actor, ticket.owner, ticket.role, ticket.approval, ticket.change,
            admission.maxDuration, admission.idleLimit, admission.idleCounts.rawValue, admission.shell,
            admission.groups.joined(separator: ","), admission.admittedAt, admission.admittedBoot,
        ])
    }
}

extension Admission {
    init(row: Row) throws {
        guard let state = AdmissionState(rawValue: row["state"]), let kind = AccountKind(rawValue: row["kind"]) else {
            throw StoreError.unavailable("an admission's state or kind is unknown")
        }
        guard let idleCounts = IdleCounts(rawValue: row["idle_counts"]) else {
            throw StoreError.unavailable("what counts as idle is unknown")
        }
        let groups: String = row["groups"]
        self.init(
            handle: row["handle"], state: state, bootID: row["boot_id"],
            login: ProcessKey(pid: row["login_pid"], startTime: UInt64(bitPattern: row["login_start"])),
            account: row["account"], kind: kind, uid: row["uid"], service: row["service"], terminal: row["terminal"],
            remoteHost: row["remote_host"],
            ticket: TicketFacts(
                issuer: row["issuer"], keyID: row["key_id"], ticketID: row["ticket"], expiresAt: row["expires_at"],
                subject: row["subject"], actor: row["actor"], owner: row["owner"], role: row["role"],
                approval: row["approval"], change: row["change"]),
            maxDuration: row["max_duration"], idleLimit: row["idle_limit"], idleCounts: idleCounts,
            shell: row["shell"],
            groups: groups.isEmpty ? [] : groups.split(separator: ",").map(String.init),
            admittedAt: row["admitted_at"], admittedBoot: row["admitted_boot"])
    }
}
