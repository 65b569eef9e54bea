internal import UsherClient

/// Sessions as tables and records.
enum SessionReport {
    static func table(_ sessions: [ControlSession], all: Bool, clock: Clock) -> Table {
        var table = Table(["SESSION", "STATE", "ACCOUNT", "SUBJECT", "ROLE", "FROM", "OPENED", all ? "ENDED" : "ENDS"])
        if all { table.header += ["REASON", "LEFT"] }
        for session in sessions {
            let ended = session.closedAt.map { Moment($0).cell(clock) }
            let ends = ended ?? (all ? Cell("-") : Moment(session.endsAt).cell(clock))
            var row = [
                Cell(session.id), state(session), Cell(session.account), Cell(session.subject), Cell(session.role),
                Cell(session.remoteHost ?? "-"), Moment(session.openedAt).cell(clock), ends,
            ]
            if all { row += [Cell(session.endReason ?? "-"), left(session) ?? Cell("-")] }
            table.rows.append(row)
        }
        return table
    }

    static func record(_ session: ControlSession, clock: Clock) -> Record {
        var record = Record()
        record.add("session", session.id)
        record.add("state", state(session))
        record.add("account", session.account)
        record.add("account kind", session.kind.rawValue)
        record.add("uid", String(session.uid))
        record.add("subject", session.subject)
        record.add("actor", session.actor)
        record.add("owner", session.owner)
        record.add("role", session.role)
        record.add("approval", session.approval)
        record.add("change", session.change)
        record.add("issuer", session.issuer)
        record.add("key", session.key)
        record.add("ticket", session.ticket)
        record.add("service", session.service)
        record.add("terminal", session.terminal)
        record.add("from", session.remoteHost)
        record.add("leader", String(session.leader))
        record.add("audit session", String(session.auditSession))
        record.add("opened", Moment(session.openedAt).cell(clock))
        record.add("ends", Moment(session.endsAt).cell(clock))
        record.add("idle limit", session.idleLimit.map(length))
        record.add("idle counts", session.idleCounts?.rawValue)
        for each in session.extensions {
            record.add(
                "extended", "\(TimeSpan(seconds: each.seconds)) at \(Moment(each.at).iso) by \(each.by): \(each.reason)"
            )
        }
        record.add("end began", session.endedAt.map { Moment($0).cell(clock) })
        record.add("ended", session.closedAt.map { Moment($0).cell(clock) })
        record.add("end reason", session.endReason)
        record.add("ended by", session.endedBy)
        record.add("left", left(session))
        return record
    }

    /// How many things the session's last signed record names as left; a closed session should have none.
    private static func left(_ session: ControlSession) -> Cell? {
        session.left.map { left in
            Cell(
                friendly: left == 0 ? "nothing" : counted(Int(left), "thing"), plain: String(left),
                tone: left == 0 ? .faint : .bad)
        }
    }

    /// Seconds: `15m` for people, `900` for programs.
    static func length(_ seconds: Int64) -> Cell {
        Cell(friendly: TimeSpan(seconds: seconds).text, plain: String(seconds))
    }

    private static func state(_ session: ControlSession) -> Cell {
        let tone: Tone =
            switch session.state {
            case .open: .good
            case .opening, .closing: .attention
            case .closed: .faint
            }
        return Cell(session.state.rawValue, tone: tone)
    }
}
