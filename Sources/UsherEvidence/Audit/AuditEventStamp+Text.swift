extension AuditEvent.Stamp: CustomStringConvertible {
    /// As audit's own records have it: `1364481363.243:24287`.
    public var description: String {
        let rest = milliseconds % 1000
        return "\(milliseconds / 1000).\(rest < 10 ? "00" : rest < 100 ? "0" : "")\(rest):\(serial)"
    }

    /// Reads what `description` writes; nil for anything else.
    public init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        let time = parts[0].split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, time.count == 2, time[1].utf8.count == 3, let seconds = Int64(time[0]),
            let rest = Int64(time[1]), let serial = UInt64(parts[1]), (0...4_000_000_000_000).contains(seconds),
            rest >= 0
        else { return nil }
        self.init(milliseconds: seconds * 1000 + rest, serial: serial)
    }
}
