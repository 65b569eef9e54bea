internal import UsherEvidence

/// Which events were written lately, so that one that is delivered again is not written again. The kernel numbers its
/// events; 65,536 numbers back from the highest are remembered, in 8 KiB. What is older than that counts as new: a line
/// too much, never one too few.
struct RecentEvents {
    private static let window: UInt64 = 65_536
    /// auditd numbers its own few events by itself.
    private static let remembered = 256

    private var bits = [UInt64](repeating: 0, count: Int(window / 64))
    private var highest: UInt64?
    private var daemonStamps: [AuditEvent.Stamp] = []

    /// Notes an event; false when it was noted before.
    mutating func insert(_ stamp: AuditEvent.Stamp, type: String) -> Bool {
        if type.hasPrefix("DAEMON_") {
            guard !daemonStamps.contains(stamp) else { return false }
            daemonStamps = daemonStamps.suffix(Self.remembered - 1) + [stamp]
            return true
        }
        let serial = stamp.serial
        guard let top = highest, !Self.hasWrapped(top, serial) else {
            bits = [UInt64](repeating: 0, count: bits.count)
            highest = serial
            set(serial)
            return true
        }
        if serial > top {
            // Numbers that come into the window are unseen; whatever had their places is out of it.
            if serial - top >= Self.window {
                bits = [UInt64](repeating: 0, count: bits.count)
            } else {
                for number in (top + 1)...serial { clear(number) }
            }
            highest = serial
        } else if top - serial >= Self.window {
            return true
        }
        guard bits[Self.word(serial)] & Self.bit(serial) == 0 else { return false }
        set(serial)
        return true
    }

    /// The kernel's counter has 32 bits.
    private static func hasWrapped(_ top: UInt64, _ serial: UInt64) -> Bool {
        top > serial && top - serial > 1 << 31
    }

    private mutating func set(_ serial: UInt64) { bits[Self.word(serial)] |= Self.bit(serial) }
    private mutating func clear(_ serial: UInt64) { bits[Self.word(serial)] &= ~Self.bit(serial) }
    private static func word(_ serial: UInt64) -> Int { Int(serial % window / 64) }
    private static func bit(_ serial: UInt64) -> UInt64 { 1 << (serial % 64) }
}
