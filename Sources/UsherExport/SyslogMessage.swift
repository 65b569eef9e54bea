internal import UsherEvidence
internal import UsherWire

/// A line of evidence as RFC 5424 has it, in the frame of RFC 5425.
///
/// `<PRI>1 TIMESTAMP HOSTNAME usher SESSION KIND [origin …] LINE`. No private enterprise number is registered for Usher,
/// and a name with one of somebody else's (or with 32473, which RFC 5612 keeps for examples) is not ours to use: the only
/// structured data is `origin`, which IANA has registered. What else is to be found without parsing the line stands in
/// fields of the header that RFC 5424 leaves to the sender: PROCID, which may group messages (6.2.6), has the session,
/// MSGID (6.2.7) the kind. The message is the line, byte for byte, as the hash in the next one is over it: so without
/// the byte order mark of MSG-UTF8, which makes it MSG-ANY (6.4).
enum SyslogMessage {
    /// `authpriv`: security messages that not everybody may read.
    static let facility = 10

    /// With its length in front.
    static func frame(_ line: ExportLine, host: [UInt8]) -> [UInt8] {
        let message = encode(line, host: host)
        return Array("\(message.count) ".utf8) + message
    }

    static func encode(_ line: ExportLine, host: [UInt8]) -> [UInt8] {
        var bytes = Array("<\(facility * 8 + severity(line.record.severity))>1 ".utf8)
        bytes.reserveCapacity(line.bytes.count + 160)
        bytes += Timestamp.text(milliseconds: line.record.milliseconds).utf8
        for (text, limit) in [
            (host, 255), (Array("usher".utf8), 48), (Array((line.record.session ?? "").utf8), 128),
            (Array(line.record.kind.utf8), 32),
        ] {
            bytes.append(UInt8(ascii: " "))
            bytes += field(text, limit: limit)
        }
        bytes += " [origin software=\"usher\" swVersion=\"\(Version.current)\"] ".utf8
        return bytes + line.bytes
    }

    /// RFC 5424 table 2.
    static func severity(_ severity: EvidenceRecord.Severity) -> Int {
        switch severity {
        case .critical: 2
        case .high: 3  // error
        case .medium: 4  // warning
        case .low: 5  // notice
        case .informational: 6
        }
    }

    /// Printable ASCII without spaces, of the header's lengths; `-` for nothing.
    private static func field(_ text: [UInt8], limit: Int) -> [UInt8] {
        let printable = text.filter { (0x21...0x7E).contains($0) }.prefix(limit)
        return printable.isEmpty ? [UInt8(ascii: "-")] : Array(printable)
    }
}

/// RFC 3339 in UTC with milliseconds, as RFC 5424 wants it.
enum Timestamp {
    static func text(milliseconds: Int64) -> String {
        // Years 0 to 9999: the form has four digits.
        let bounded = min(max(milliseconds, -62_167_219_200_000), 253_402_300_799_999)
        let days = (bounded >= 0 ? bounded : bounded - 86_399_999) / 86_400_000
        let rest = bounded - days * 86_400_000
        // H. Hinnant, "chrono-Compatible Low-Level Date Algorithms"; every day here is after 0000-03-01 less 60 days.
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * month + 2) / 5 + 1
        let year = yearOfEra + era * 400 + (month >= 10 ? 1 : 0)
        let date = "\(pad(year, 4))-\(pad(month < 10 ? month + 3 : month - 9))-\(pad(day))"
        let time = "\(pad(rest / 3_600_000)):\(pad(rest / 60_000 % 60)):\(pad(rest / 1000 % 60))"
        return "\(date)T\(time).\(pad(rest % 1000, 3))Z"
    }

    private static func pad(_ number: Int64, _ width: Int = 2) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
