internal import UsherEvidence
internal import UsherWire

/// A line of evidence in the journal's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL).
enum JournalEntry {
    /// Finds all entries of the export: `journalctl MESSAGE_ID=…`.
    static let messageID = "050ce5c0a45d4ba2a1e5dc115959ae1a"

    private static let details: [(StaticString, String)] = [
        ("subject", "USHER_SUBJECT"), ("account", "USHER_ACCOUNT"), ("role", "USHER_ROLE"), ("ticket", "USHER_TICKET"),
        ("approval", "USHER_APPROVAL"), ("change", "USHER_CHANGE"),
    ]

    static func encode(_ line: ExportLine) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(line.bytes.count + 1024)
        add("MESSAGE", line.record.message, to: &bytes)
        add("MESSAGE_ID", messageID, to: &bytes)
        add("PRIORITY", "\(SyslogMessage.severity(line.record.severity))", to: &bytes)
        add("SYSLOG_FACILITY", "\(SyslogMessage.facility)", to: &bytes)
        add("SYSLOG_IDENTIFIER", "usher", to: &bytes)
        add("USHER_SEQUENCE", "\(line.sequence)", to: &bytes)
        add("USHER_PREVIOUS", line.previous.digits, to: &bytes)
        add("USHER_TIME", Timestamp.text(milliseconds: line.record.milliseconds), to: &bytes)
        add("USHER_KIND", line.record.kind, to: &bytes)
        add("USHER_HOST", line.host, to: &bytes)
        add("USHER_ATTRIBUTION", line.record.attribution.rawValue, to: &bytes)
        if let session = line.record.session { add("USHER_SESSION", session, to: &bytes) }
        for (name, field) in details {
            if let text = line.detail(name) { add(field, text, to: &bytes) }
        }
        add("USHER_LINE", line.bytes, to: &bytes)
        return bytes
    }

    private static func add(_ name: String, _ value: String, to bytes: inout [UInt8]) {
        add(name, Array(value.utf8), to: &bytes)
    }

    /// `NAME=value`; with a line feed in the value, the name alone, a little-endian length, and the value.
    private static func add(_ name: String, _ value: [UInt8], to bytes: inout [UInt8]) {
        bytes += name.utf8
        if value.contains(UInt8(ascii: "\n")) {
            bytes.append(UInt8(ascii: "\n"))
            var length = UInt64(value.count)
            for _ in 0..<8 {
                bytes.append(UInt8(truncatingIfNeeded: length))
                length >>= 8
            }
        } else {
            bytes.append(UInt8(ascii: "="))
        }
        bytes += value
        bytes.append(UInt8(ascii: "\n"))
    }
}
