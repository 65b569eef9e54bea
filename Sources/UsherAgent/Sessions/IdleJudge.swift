internal import UsherStore
internal import UsherSystem

/// What was seen of a session at one moment.
struct ActivityReading: Sendable {
    /// Boot clock, nanoseconds.
    var at: Int64
    /// Wall clock, seconds since 1970: the clock of the terminals' times.
    var wall: Int64
    var terminals: [TerminalUse]
    /// nil where they were not looked at.
    var processes: [ProcessUse]?
}

/// Whether a session is idle, from readings alone: no clock, no file.
///
/// *Input*: something was typed on a terminal of the session. *Work*: its processes used the processor or moved bytes,
/// above what programs do that only wait and show. Work counts where the role says `idle_counts = "io"`, and in sessions
/// without a terminal, which have no other sign of life (scp, a command, a tunnel). Keep-alives, an open connection and
/// processes that sleep are neither. *Output alone* — something was written on a terminal, without input and work —
/// counts with `io`, and `outputExtensions` times in a row at most.
struct IdleJudge: Sendable {
    /// How often output alone keeps a session for another idle limit.
    static let outputExtensions = 3
    /// Work is one processor used for this part of the time, in percent. `top` uses 1 to 3.
    static let processorPercent: Int64 = 10
    /// Work is as many bytes a second. A screen that is drawn anew every three seconds, and passed on by sshd, is less
    /// than the first; a keep-alive a second is less than the second.
    static let bytesASecond: Int64 = 16_384
    static let bytesASecondWithoutTerminal: Int64 = 1_024
    /// Work is averaged over so many nanoseconds, or half of a shorter limit.
    static let longestWindow: Int64 = 10_000_000_000

    private static let second: Int64 = 1_000_000_000
    /// In the place of a terminal's time of output: to be learned anew.
    private static let unknown = Int64.min

    /// Nanoseconds.
    let limit: Int64
    let counts: IdleCounts
    /// The last sign of life, on the boot clock; up to the terminals' granularity in the future.
    private(set) var activeAt: Int64
    private(set) var extensions = 0
    private var terminals: [DeviceNumber: TerminalUse] = [:]
    private var processes: [ProcessIdentity: ProcessUse]?
    private var processesReadAt: Int64 = 0
    private var outputSeen = false
    private var isFirst = true
    /// When the first of the looks that showed nothing was, on the boot clock; nil after one that did.
    private var blindSince: Int64?

    /// - Parameters:
    ///   - limit: seconds.
    ///   - openedAt: boot clock, nanoseconds.
    init(limit: Int64, counts: IdleCounts, openedAt: Int64) {
        self.limit = limit * Self.second
        self.counts = counts
        activeAt = openedAt
    }

    /// When the session is over, as far as can be told now.
    var endsAt: Int64 { activeAt + limit }

    /// The last look showed nothing.
    var isBlind: Bool { blindSince != nil }

    /// Over how many nanoseconds work is averaged.
    var window: Int64 { min(Self.longestWindow, limit / 2) }

    /// Whether a reading has to look at processes.
    func needsProcesses(hasTerminal: Bool, at now: Int64) -> Bool {
        guard counts == .io || !hasTerminal else { return false }
        return processes == nil || now - processesReadAt >= window
    }

    /// Takes a reading; true when the session is idle for longer than its limit.
    mutating func isOver(_ reading: ActivityReading) -> Bool {
        blindSince = nil
        takeTerminals(reading)
        if counts == .input, !reading.terminals.isEmpty {
            // Not measured meanwhile, so there is nothing to compare with later.
            processes = nil
        } else if let uses = reading.processes {
            takeProcesses(uses, reading)
        }
        isFirst = false
        guard reading.at >= endsAt else { return false }
        // Nothing is said about work before its whole window has been seen.
        if counts == .io || reading.terminals.isEmpty, reading.processes == nil { return false }
        guard counts == .io, outputSeen, extensions < Self.outputExtensions else { return true }
        extensions += 1
        outputSeen = false
        activeAt = reading.at
        return false
    }

    /// Takes a look at which nothing could be seen; true when that has gone on for a whole limit: a session that nobody
    /// can judge must not stay for that.
    mutating func isOver(unseenAt now: Int64) -> Bool {
        let since = blindSince ?? now
        blindSince = since
        return now - since >= limit
    }

    /// What the agent itself writes on the terminals is no output of the session.
    mutating func forgetOutput() {
        for device in terminals.keys { terminals[device]?.outputAt = Self.unknown }
    }

    private mutating func takeTerminals(_ reading: ActivityReading) {
        var seen: [DeviceNumber: TerminalUse] = [:]
        for use in reading.terminals {
            let before = terminals[use.terminal]
            if before?.inputAt != use.inputAt {
                // A time stands for its whole step of the kernel's clock: never too early, at most one step too late.
                // The owner can set any time (utimensat(2)).
                let inputAt = min(max(use.inputAt, 0), 1 << 40)
                let stepEnd = (inputAt | (TerminalUse.granularity - 1)) + 1
                // A change has happened since the last reading, whatever the wall clock was set to.
                let earliest: Int64 = before == nil ? -(1 << 32) : 0
                let offset = min(max(stepEnd - reading.wall, earliest), TerminalUse.granularity)
                note(at: reading.at + offset * Self.second)
            }
            if let outputAt = before?.outputAt, outputAt != Self.unknown, outputAt != use.outputAt { outputSeen = true }
            seen[use.terminal] = use
        }
        terminals = seen
    }

    private mutating func takeProcesses(_ uses: [ProcessUse], _ reading: ActivityReading) {
        defer {
            processes = Dictionary(uses.map { ($0.identity, $0) }, uniquingKeysWith: { first, _ in first })
            processesReadAt = reading.at
        }
        guard let known = processes else {
            // A restarted agent does not know what happened before: the time begins anew.
            if isFirst { note(at: reading.at) }
            return
        }
        var ticks: UInt64 = 0
        var bytes: UInt64 = 0
        for use in uses {
            let before = known[use.identity]
            ticks &+= Self.growth(before?.processorTicks, use.processorTicks)
            bytes &+= Self.growth(before?.written, use.written)
            bytes &+= Self.growth(before?.readFromStorage, use.readFromStorage)
        }
        let elapsed = max(1, reading.at - processesReadAt)
        let rate = reading.terminals.isEmpty ? Self.bytesASecondWithoutTerminal : Self.bytesASecond
        // Doubles: sums of counters that a process can make as large as it likes.
        let seconds = Double(elapsed) / Double(Self.second)
        if Double(ticks) >= seconds * Double(Self.processorPercent)
            || Double(bytes) >= seconds * Double(rate)
        {
            note(at: reading.at)
        }
    }

    private static func growth(_ before: UInt64?, _ now: UInt64) -> UInt64 {
        now > (before ?? 0) ? now - (before ?? 0) : 0
    }

    private mutating func note(at moment: Int64) {
        guard moment > activeAt else { return }
        activeAt = moment
        extensions = 0
        outputSeen = false
    }
}
