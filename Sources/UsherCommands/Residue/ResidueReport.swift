internal import UsherClient

/// Residue as tables.
enum ResidueReport {
    static func table(_ residue: [ControlResidue], all: Bool, clock: Clock) -> Table {
        var table = Table(["UID", "CAUSE", "LEFT", "ACCOUNT", "SESSION", "FOUND", "SEEN", "FIRST"])
        if all { table.header += ["SETTLED", "BY", "REASON"] }
        for one in residue {
            var row = [
                Cell(String(one.uid)), Cell(one.cause.rawValue),
                Cell(String(one.found), tone: one.settled == nil ? .bad : .faint), Cell(one.account ?? "-"),
                Cell(one.session ?? "-"), moment(one.foundAt, clock), moment(one.seenAt, clock),
                Cell(one.findings.first?.what ?? "-"),
            ]
            if all { row += [Cell(one.settled ?? "-"), Cell(one.settledBy ?? "-"), Cell(one.settledReason ?? "-")] }
            table.rows.append(row)
        }
        return table
    }

    static func findings(_ residue: [ControlResidue]) -> Table {
        var table = Table(["KIND", "COUNT", "NAME"])
        for finding in residue.flatMap(\.findings) {
            table.rows.append([Cell(finding.kind), Cell(String(finding.count)), Cell(finding.what)])
        }
        return table
    }

    private static func moment(_ seconds: Int64?, _ clock: Clock) -> Cell {
        seconds.map { Moment($0).cell(clock) } ?? Cell("-")
    }
}
