/// Reads the texts of /proc/PID without allocating, so that a pass over all processes costs its reads only.
enum ProcessParser {
    /// PF_KTHREAD of the kernel's include/linux/sched.h.
    private static let kernelThreadFlag: UInt64 = 0x0020_0000

    /// /proc/PID/stat. The name in parentheses may itself hold parentheses and blanks: the last `)` ends it.
    static func stat(_ bytes: Span<UInt8>, pid: Int32) -> ProcessStat? {
        guard let open = index(of: UInt8(ascii: "("), in: bytes),
            let close = lastIndex(of: UInt8(ascii: ")"), in: bytes), open < close, close + 2 < bytes.count
        else { return nil }
        // Fields count from 1; the state, right behind the name, is the third.
        var parent: UInt64?
        var terminal: UInt64 = 0
        var processorTicks: UInt64 = 0
        var flags: UInt64?
        var threads: UInt64?
        var startTime: UInt64?
        var field = 3
        var start = close + 2
        var position = start
        while position <= bytes.count, field <= 22 {
            guard position == bytes.count || bytes[position] == 0x20 || bytes[position] == 0x0A else {
                position += 1
                continue
            }
            switch field {
            case 4: parent = number(bytes, start..<position)
            // Written as a signed number, and 0 without a terminal.
            case 7: terminal = number(bytes, start..<position) ?? 0
            case 14...17: processorTicks &+= number(bytes, start..<position) ?? 0
            case 9: flags = number(bytes, start..<position)
            case 20: threads = number(bytes, start..<position)
            case 22: startTime = number(bytes, start..<position)
            default: break
            }
            field += 1
            position += 1
            start = position
        }
        guard let parent, parent <= UInt64(Int32.max), let flags, let threads, let startTime else { return nil }
        var command: [UInt8] = []
        for index in (open + 1)..<close { command.append(bytes[index]) }
        return ProcessStat(
            identity: ProcessIdentity(pid: pid, startTime: startTime), command: command, state: bytes[close + 2],
            parent: Int32(parent), threads: Int(clamping: threads), isKernelThread: flags & kernelThreadFlag != 0,
            terminal: DeviceNumber(processField: terminal), processorTicks: processorTicks)
    }

    /// /proc/PID/io, the two counters that work leaves; see `ProcessUse`.
    static func transfers(_ bytes: Span<UInt8>) -> (written: UInt64, readFromStorage: UInt64)? {
        guard let written = value(of: "wchar:", in: bytes).flatMap({ single(bytes, $0) }),
            let read = value(of: "read_bytes:", in: bytes).flatMap({ single(bytes, $0) })
        else { return nil }
        return (written, read)
    }

    /// The line `tty-index:` of a terminal master's /proc/PID/fdinfo/FD (Linux 4.14); nil for any other descriptor.
    static func terminalIndex(_ bytes: Span<UInt8>) -> UInt32? {
        guard let index = value(of: "tty-index:", in: bytes).flatMap({ single(bytes, $0) }) else { return nil }
        return index < 1 << 20 ? UInt32(index) : nil
    }

    private static func single(_ bytes: Span<UInt8>, _ range: Range<Int>) -> UInt64? {
        var position = range.lowerBound
        return word(bytes, from: &position, end: range.upperBound).flatMap { number(bytes, $0) }
    }

    /// /proc/PID/status.
    static func credentials(_ bytes: Span<UInt8>) -> ProcessCredentials? {
        guard let uids = four("Uid:", bytes), let gids = four("Gid:", bytes),
            let groupLine = value(of: "Groups:", in: bytes), let capLine = value(of: "CapEff:", in: bytes),
            let capabilities = hexadecimal(bytes, capLine)
        else { return nil }
        var groups: [UInt32] = []
        var position = groupLine.lowerBound
        while let word = word(bytes, from: &position, end: groupLine.upperBound) {
            guard let group = number(bytes, word), group <= UInt64(UInt32.max) else { return nil }
            groups.append(UInt32(group))
        }
        return ProcessCredentials(
            realUID: uids.0, effectiveUID: uids.1, savedUID: uids.2, fileSystemUID: uids.3,
            realGID: gids.0, effectiveGID: gids.1, savedGID: gids.2, fileSystemGID: gids.3,
            supplementaryGroups: groups, effectiveCapabilities: capabilities)
    }

    /// The four numbers (real, effective, saved, file system) of a line of /proc/PID/status.
    static func four(_ name: StaticString, _ bytes: Span<UInt8>) -> (UInt32, UInt32, UInt32, UInt32)? {
        guard let line = value(of: name, in: bytes) else { return nil }
        var numbers: (UInt32, UInt32, UInt32, UInt32) = (0, 0, 0, 0)
        var position = line.lowerBound
        for index in 0..<4 {
            guard let word = word(bytes, from: &position, end: line.upperBound), let found = number(bytes, word),
                found <= UInt64(UInt32.max)
            else { return nil }
            switch index {
            case 0: numbers.0 = UInt32(found)
            case 1: numbers.1 = UInt32(found)
            case 2: numbers.2 = UInt32(found)
            default: numbers.3 = UInt32(found)
            }
        }
        return numbers
    }

    /// Where the path stands on the `0::` line of /proc/PID/cgroup; see cgroups(7).
    static func unifiedGroup(_ bytes: Span<UInt8>) -> Range<Int>? {
        value(of: "0::", in: bytes)
    }

    /// A decimal number of the whole range, with a line feed behind it or not.
    static func number(_ bytes: Span<UInt8>, _ range: Range<Int>) -> UInt64? {
        var end = range.upperBound
        if end > range.lowerBound, bytes[end - 1] == 0x0A { end -= 1 }
        // 19 digits fit 64 bits without a check of each step.
        guard end > range.lowerBound, end - range.lowerBound <= 19 else { return nil }
        var value: UInt64 = 0
        for index in range.lowerBound..<end {
            guard bytes[index] >= 0x30, bytes[index] <= 0x39 else { return nil }
            value = value * 10 + UInt64(bytes[index] - 0x30)
        }
        return value
    }

    /// What follows `name` on the first complete line that begins with it.
    private static func value(of name: StaticString, in bytes: Span<UInt8>) -> Range<Int>? {
        var start = 0
        while start < bytes.count {
            var end = start
            while end < bytes.count, bytes[end] != 0x0A { end += 1 }
            guard end < bytes.count else { return nil }
            if begins(name, bytes, start, end) { return (start + name.utf8CodeUnitCount)..<end }
            start = end + 1
        }
        return nil
    }

    private static func begins(_ name: StaticString, _ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
        guard end - start >= name.utf8CodeUnitCount else { return false }
        for index in 0..<name.utf8CodeUnitCount {
            // In bounds: index is below the literal's count.
            guard unsafe bytes[start + index] == name.utf8Start[index] else { return false }
        }
        return true
    }

    /// The next run of bytes other than blanks and tabs.
    private static func word(_ bytes: Span<UInt8>, from position: inout Int, end: Int) -> Range<Int>? {
        while position < end, bytes[position] == 0x20 || bytes[position] == 0x09 { position += 1 }
        let start = position
        while position < end, bytes[position] != 0x20, bytes[position] != 0x09 { position += 1 }
        return start < position ? start..<position : nil
    }

    private static func hexadecimal(_ bytes: Span<UInt8>, _ range: Range<Int>) -> UInt64? {
        var position = range.lowerBound
        guard let digits = word(bytes, from: &position, end: range.upperBound), digits.count <= 16 else { return nil }
        var value: UInt64 = 0
        for index in digits {
            switch bytes[index] {
            case 0x30...0x39: value = value << 4 | UInt64(bytes[index] - 0x30)
            case 0x61...0x66: value = value << 4 | UInt64(bytes[index] - 0x61 + 10)
            default: return nil
            }
        }
        return value
    }

    private static func index(of byte: UInt8, in bytes: Span<UInt8>) -> Int? {
        for index in bytes.indices where bytes[index] == byte { return index }
        return nil
    }

    private static func lastIndex(of byte: UInt8, in bytes: Span<UInt8>) -> Int? {
        for index in bytes.indices.reversed() where bytes[index] == byte { return index }
        return nil
    }
}
