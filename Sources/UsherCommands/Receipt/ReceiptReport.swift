internal import UsherEvidence

/// Receipts for people: who, when and why, then a table of the steps, then what became known later.
enum ReceiptReport {
    static func text(_ receipt: Receipt, _ supplements: [ReceiptSupplement], style: Style, clock: Clock) -> String {
        let left = supplements.last?.leftCount ?? receipt.leftCount
        var text = record(receipt, left: left, clock: clock).text(style: style)
        text += "\n" + steps(receipt).text(style: style)
        let details = findings(receipt)
        if !details.rows.isEmpty { text += "\n" + details.text(style: style) }
        for supplement in supplements { text += "\n" + self.text(supplement, style: style, clock: clock) }
        return text
    }

    private static func record(_ receipt: Receipt, left: Int, clock: Clock) -> Record {
        let session = receipt.session
        var record = Record()
        record.add("session", session.id)
        record.add("host", receipt.host)
        record.add("account", "\(session.account) (\(session.kind), uid \(session.uid))")
        record.add("subject", session.subject)
        record.add("actor", session.actor)
        record.add("owner", session.owner)
        record.add("role", session.role)
        record.add("approval", session.approval)
        record.add("change", session.change)
        record.add("ticket", "\(session.ticket) of \(session.issuer), key \(session.key)")
        record.add("service", session.service)
        record.add("from", session.remoteHost)
        record.add("audit session", "\(session.auditSession) in boot \(session.bootID)")
        record.add("opened", Moment(receipt.openedAt).cell(clock))
        record.add("end began", receipt.endedAt.map { Moment($0).cell(clock) })
        record.add("closed", Moment(receipt.closedAt).cell(clock))
        record.add("end reason", receipt.reason)
        record.add("ended by", receipt.by)
        record.add("left", left == 0 ? "nothing" : counted(left, "thing"), tone: left == 0 ? .good : .bad)
        return record
    }

    private static func steps(_ receipt: Receipt) -> Table {
        var table = Table(["STEP", "TIME", "ATTEMPTS", "REMOVED", "LEFT", "NOTE"])
        for step in receipt.steps {
            table.rows.append([
                Cell(step.name.rawValue), duration(step.microseconds),
                Cell(String(step.attempts), tone: step.attempts > 1 ? .attention : .plain),
                Cell(String(step.removed.total)),
                Cell(String(step.left.total), tone: step.left.total > 0 ? .bad : .plain), Cell(step.skipped ?? "-"),
            ])
        }
        return table
    }

    private static func findings(_ receipt: Receipt) -> Table {
        var table = Table(["STEP", "WHAT", "KIND", "COUNT", "NAME"])
        for step in receipt.steps {
            add(step.left, "left", step.name.rawValue, &table, tone: .bad)
            add(step.removed, "removed", step.name.rawValue, &table, tone: .plain)
        }
        return table
    }

    private static func text(_ supplement: ReceiptSupplement, style: Style, clock: Clock) -> String {
        var record = Record()
        record.add("supplement", String(supplement.number))
        record.add("event", supplement.event.rawValue)
        record.add("when", Moment(supplement.at).cell(clock))
        record.add("by", supplement.by)
        record.add("reason", supplement.reason)
        record.add("left", String(supplement.leftCount), tone: supplement.leftCount == 0 ? .good : .bad)
        var table = Table(["STEP", "WHAT", "KIND", "COUNT", "NAME"])
        let tone: Tone = supplement.event == .found ? .bad : .plain
        add(supplement.findings, supplement.event.rawValue, "scan", &table, tone: tone)
        let text = record.text(style: style)
        return table.rows.isEmpty ? text : text + table.text(style: style)
    }

    private static func add(
        _ list: FindingList, _ word: String, _ step: String, _ table: inout Table, tone: Tone
    ) {
        for finding in list.findings {
            table.rows.append([
                Cell(step), Cell(word, tone: tone), Cell(finding.kind), Cell(String(finding.count)), Cell(finding.what),
            ])
        }
        if list.more > 0 {
            table.rows.append([
                Cell(step), Cell(word, tone: tone), Cell("-"), Cell(String(list.more)), Cell("not told one by one"),
            ])
        }
    }

    /// `1.2 ms` for people, microseconds for programs.
    private static func duration(_ microseconds: Int64) -> Cell {
        let tenths = (microseconds + 50) / 100
        return Cell(friendly: "\(tenths / 10).\(tenths % 10) ms", plain: String(microseconds))
    }
}
