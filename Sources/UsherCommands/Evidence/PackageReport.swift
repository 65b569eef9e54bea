internal import UsherEvidence
internal import UsherTicket
internal import UsherWire

/// What of a package people read: plain text, and a page that needs nothing but itself.
struct PackageReport {
    let slice: SessionSlice
    let session: String
    let host: String
    let receipt: String?
    let key: PublicKey

    private static let clock = Clock.utc(now: 0)

    private var records: [EvidenceRecord] { slice.records.sorted { $0.milliseconds < $1.milliseconds } }

    /// Who the session was and why it was allowed.
    var facts: JSONValue {
        .record([
            "session": .text(session), "host": .text(host),
            "opened": slice.opened.map { .object($0.record.details) },
        ])
    }

    var timeline: String {
        records.map { record in
            let cells = [
                EvidenceRow.time(record, clock: Self.clock), EvidenceRow.kind(record), EvidenceRow.what(record),
            ]
            return cells.map { Printable.line($0.plain) }.joined(separator: "\t") + "\n"
        }.joined()
    }

    var html: String {
        """
        <!DOCTYPE html>
        <html lang="en"><head><meta charset="utf-8">
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
        <title>Session \(Self.escaped(session))</title>
        <style>
        body { font: 14px/1.45 system-ui, sans-serif; max-width: 72em; margin: 2em auto; padding: 0 1em; color: #1a1a1a }
        h1 { font-size: 1.5em } h2 { font-size: 1.15em; margin-top: 2em }
        table { border-collapse: collapse; width: 100% } thead { display: table-header-group }
        th, td { text-align: left; vertical-align: top; padding: .2em .8em .2em 0; border-bottom: 1px solid #ddd }
        td.time, td.kind { white-space: nowrap; font-variant-numeric: tabular-nums }
        td.what { overflow-wrap: anywhere } tr { break-inside: avoid }
        tr.high td.what { font-weight: bold; color: #a00000 } tr.medium td.what { color: #7a4b00 }
        code { overflow-wrap: anywhere } .doubt { font-style: italic }
        @media print { body { margin: 0; max-width: none; font-size: 10pt } }
        </style></head><body>
        <h1>Session <code>\(Self.escaped(session))</code></h1>
        <h2>Who, why, and with which rights</h2>
        <table>\(factRows)</table>
        <h2>What happened</h2>
        <table><thead><tr><th>Time (UTC)</th><th>Kind</th><th>What</th></tr></thead>
        <tbody>\(timelineRows)</tbody></table>
        <h2>How it ended</h2>
        \(end)
        <h2>How to verify it</h2>
        <p>This page is a reading of the signed evidence beside it, and proves nothing by itself. Verify the archive with
        the public key of the host, taken from the host or its inventory and not from the archive:</p>
        <p><code>usher evidence verify FILE --key host.pub.jwk</code></p>
        <p>Key of host <code>\(Self.escaped(host))</code>: <code>\(Self.escaped(key.thumbprint))</code>
        (RFC 7638 thumbprint). \(slice.isSigned ? "" : "No checkpoint follows the session's last line.")</p>
        </body></html>

        """
    }

    private var factRows: String {
        let details = slice.opened?.record.details ?? JSONObject()
        let names: [(StaticString, String)] = [
            ("subject", "Subject"), ("actor", "Acting for it"), ("owner", "Owner"), ("account", "Account"),
            ("role", "Role"), ("approval", "Approval"), ("change", "Change"), ("ticket", "Ticket"),
            ("issuer", "Issuer"), ("key", "Key of the issuer"), ("service", "Service"), ("remote_host", "From"),
            ("max_duration", "Longest, seconds"), ("idle_limit", "Idle limit, seconds"),
            ("audit_session", "Audit session"), ("boot", "Boot"),
        ]
        var rows = Self.row("Host", host)
        for (name, label) in names {
            switch details[name] {
            case .string(let bytes)?: rows += Self.row(label, String(decoding: bytes, as: UTF8.self))
            case .integer(let number)?: rows += Self.row(label, String(number))
            default: break
            }
        }
        return rows
    }

    private var timelineRows: String {
        records.map { record in
            let tone =
                switch record.severity {
                case .critical, .high: "high"
                case .medium: "medium"
                case .low, .informational: "low"
                }
            let doubt = record.attribution == .inferred || record.attribution == .unknown ? " doubt" : ""
            let time = EvidenceRow.time(record, clock: Self.clock).plain
            return "<tr class=\"\(tone)\"><td class=\"time\">\(time)</td><td class=\"kind\">"
                + "\(Self.escaped(record.kind))</td><td class=\"what\(doubt)\">"
                + "\(Self.escaped(EvidenceRow.what(record).plain))</td></tr>\n"
        }.joined()
    }

    private var end: String {
        guard let first = receipt?.split(separator: "\n").first, let signed = try? SignedRecord(parsing: first.utf8),
            case .receipt(let content) = signed.unverifiedContent
        else { return "<p>It has no receipt yet.</p>" }
        var rows = Self.row("Reason", content.reason) + Self.row("By", content.by)
        rows += Self.row("Closed", Moment(content.closedAt).iso)
        rows += Self.row("Left behind", content.leftCount == 0 ? "nothing" : counted(content.leftCount, "thing"))
        for step in content.steps where step.removed.total > 0 || step.left.total > 0 {
            let found = (step.left.findings.map { "left: \($0.what)" } + step.removed.findings.map(\.what))
            rows += Self.row(step.name.rawValue, found.joined(separator: "; "))
        }
        return "<table>\(rows)</table>"
    }

    private static func row(_ name: String, _ value: String) -> String {
        "<tr><th scope=\"row\">\(escaped(name))</th><td class=\"what\">\(escaped(value))</td></tr>\n"
    }

    /// Text from elsewhere as text: no tag, no attribute, nothing that moves the reading direction.
    private static func escaped(_ text: String) -> String {
        var safe = ""
        for character in Printable.line(text).unicodeScalars {
            switch character {
            case "&": safe += "&amp;"
            case "<": safe += "&lt;"
            case ">": safe += "&gt;"
            case "\"": safe += "&quot;"
            case "'": safe += "&#39;"
            default: safe.unicodeScalars.append(character)
            }
        }
        return safe
    }
}
