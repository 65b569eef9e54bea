/// Rows under a header: aligned on a terminal, separated by tabs elsewhere.
struct Table {
    var header: [String]
    var rows: [[Cell]] = []

    init(_ header: [String]) {
        self.header = header
    }

    /// On a terminal columns are as wide as their widest cell; nothing is cut. Elsewhere each line has
    /// as many tabs as the header, so that `cut` and `awk -F'\t'` find their columns.
    func text(style: Style) -> String {
        guard style.isTerminal else {
            let lines = [header] + rows.map { $0.map { Printable.line($0.plain) } }
            return lines.map { $0.joined(separator: "\t") + "\n" }.joined()
        }
        let shown = rows.map { $0.map { Printable.line($0.friendly) } }
        var widths = header.map(\.count)
        for row in shown {
            for (column, text) in row.enumerated() { widths[column] = max(widths[column], text.count) }
        }
        var output = style.bold(Self.line(header, widths)) + "\n"
        for (row, cells) in zip(shown, rows) {
            output += Self.line(row, widths) { style.apply(cells[$0].tone, $1) } + "\n"
        }
        return output
    }

    /// The last column is not padded: no trailing blanks.
    private static func line(
        _ texts: [String], _ widths: [Int], tone: (Int, String) -> String = { $1 }
    ) -> String {
        var line = ""
        for (column, text) in texts.enumerated() {
            line += tone(column, text)
            if column < texts.count - 1 {
                line += String(repeating: " ", count: widths[column] - text.count + 2)
            }
        }
        return line
    }
}

/// Names and values, one a line; an absent value leaves its line out.
struct Record {
    private var fields: [(name: String, cell: Cell)] = []

    mutating func add(_ name: String, _ value: String?, tone: Tone = .plain) {
        if let value { fields.append((name, Cell(value, tone: tone))) }
    }

    mutating func add(_ name: String, _ cell: Cell?) {
        if let cell { fields.append((name, cell)) }
    }

    func text(style: Style) -> String {
        let width = fields.map(\.name.count).max() ?? 0
        return fields.map { name, cell in
            guard style.isTerminal else { return "\(name)\t\(Printable.line(cell.plain))\n" }
            let padding = String(repeating: " ", count: width - name.count + 2)
            return style.bold(name) + padding + style.apply(cell.tone, Printable.line(cell.friendly)) + "\n"
        }.joined()
    }
}

/// One value: as a person reads it on a terminal, and as a program reads it from a pipe.
struct Cell {
    var friendly: String
    var plain: String
    var tone: Tone

    init(_ text: String, tone: Tone = .plain) {
        self.init(friendly: text, plain: text, tone: tone)
    }

    init(friendly: String, plain: String, tone: Tone = .plain) {
        self.friendly = friendly
        self.plain = plain
        self.tone = tone
    }
}
