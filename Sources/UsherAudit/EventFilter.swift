internal import UsherWire

/// Which events the agent is told, decided on the records' text before they are parsed.
///
/// Everything but the system calls of processes that are nobody's here: of a login that is neither on the range of
/// ephemeral accounts nor named by one of Usher's rules (which exist for the accounts that roles name). So a host whose own
/// rules record all of its daemons does not pay for them twice.
enum EventFilter {
    /// What one record says about its event.
    enum Word { case wanted, unwanted, nothing }

    static func word(_ line: RecordLine, _ bytes: Span<UInt8>) -> Word {
        switch line.kind {
        case .alone, .other: return .wanted
        case .companion, .title, .end: return .nothing
        case .systemCall:
            guard let start = bytes.value(of: " auid=", from: line.fields - 1) else { return .wanted }
            var position = start
            guard let number = bytes.number(&position), let auid = UInt32(exactly: number) else { return .wanted }
            return EphemeralAccount.contains(uid: auid) || hasOurKey(bytes, from: position) ? .wanted : .unwanted
        }
    }

    /// `key="usher-exec"`, or several keys with 0x01 between them, which the kernel writes in hexadecimal.
    private static func hasOurKey(_ bytes: Span<UInt8>, from start: Int) -> Bool {
        guard let value = bytes.value(of: " key=", from: start) else { return false }
        if bytes.matches("\"usher-", at: value) { return true }
        var atStart = true
        var position = value
        while let byte = bytes.hexadecimal(at: position) {
            if atStart, bytes.matches("75736865722D", at: position) { return true }
            atStart = byte == 0x01
            position += 2
        }
        return false
    }
}

extension Span<UInt8> {
    /// The byte that two hexadecimal digits at `position` stand for.
    func hexadecimal(at position: Int) -> UInt8? {
        guard position + 1 < count, let high = Self.digit(self[position]), let low = Self.digit(self[position + 1])
        else { return nil }
        return high << 4 | low
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }
}
