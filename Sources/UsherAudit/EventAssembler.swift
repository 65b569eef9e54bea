/// The raw records of one event, as lines.
struct RawEvent: Equatable {
    var stamp: AuditEvent.Stamp
    /// Each record with its line feed.
    var lines: [UInt8] = []
    /// All that came, also those beyond the bound.
    var records = 0
    /// Records beyond the bound of an event were left out.
    var isCut = false
}

/// Puts the records together that share a stamp. Records of different events come interleaved: each processor writes its own.
///
/// An event ends with its PROCTITLE or EOE record; one that got neither is taken for ended when so much came after it,
/// or so much time went by. A LOGIN or CONFIG_CHANGE record has the stamp of the system call that it is part of, and waits for it.
struct EventAssembler {
    /// Bounds of what one event may hold. The kernel cuts a record at 8970 bytes; the arguments of one execve may make
    /// hundreds of them.
    static let eventBytes = 131_072
    /// Events that wait for their end. Each processor writes one at a time.
    static let pendingEvents = 1024
    static let pendingBytes = 16_777_216
    /// Nanoseconds without another record after which an event is taken for ended: auditd's own end_of_event_timeout.
    static let patience: Int64 = 2_000_000_000

    private struct Pending {
        var event: RawEvent
        var isWanted = false
        var isUnwanted = false
        /// When its last record came, by a clock that only goes forward.
        var touched: Int64
    }

    /// Without it nothing is left out: for tests.
    private let filters: Bool
    private var pending: [Pending] = []
    private var bytes = 0

    init(filters: Bool = true) {
        self.filters = filters
    }

    /// Takes a record. What comes to its end by it goes to `ended`.
    mutating func add(_ line: RecordLine, _ text: ArraySlice<UInt8>, now: Int64, ended: (RawEvent) -> Void) {
        let found = pending.lastIndex { $0.event.stamp == line.stamp }
        if line.kind == .end {
            if let found { end(found, ended) }
            return
        }
        if line.kind == .alone, found == nil {
            ended(RawEvent(stamp: line.stamp, lines: Array(text) + [UInt8(ascii: "\n")], records: 1))
            return
        }
        let index: Int
        if let found {
            index = found
        } else {
            if pending.count >= Self.pendingEvents || bytes >= Self.pendingBytes { end(0, ended) }
            index = pending.count
            pending.append(Pending(event: RawEvent(stamp: line.stamp), touched: now))
            pending[index].event.lines.reserveCapacity(2048)
        }
        append(text, to: index, now)
        switch EventFilter.word(line, text.span) {
        case .wanted: pending[index].isWanted = true
        case .unwanted: pending[index].isUnwanted = true
        case .nothing: break
        }
        if line.kind == .title { end(index, ended) }
    }

    /// Takes for ended what has waited long enough; with `all`, everything.
    mutating func age(now: Int64, all: Bool = false, ended: (RawEvent) -> Void) {
        while let index = pending.firstIndex(where: { all || now - $0.touched >= Self.patience }) { end(index, ended) }
    }

    var isEmpty: Bool { pending.isEmpty }

    private mutating func append(_ text: ArraySlice<UInt8>, to index: Int, _ now: Int64) {
        pending[index].touched = now
        pending[index].event.records += 1
        guard pending[index].event.lines.count + text.count < Self.eventBytes else {
            pending[index].event.isCut = true
            return
        }
        pending[index].event.lines.append(contentsOf: text)
        pending[index].event.lines.append(UInt8(ascii: "\n"))
        bytes += text.count + 1
    }

    /// Events without a SYSCALL record go on: whose they are, nobody has said.
    private mutating func end(_ index: Int, _ ended: (RawEvent) -> Void) {
        let last = pending.remove(at: index)
        bytes -= last.event.lines.count
        if last.isWanted || !last.isUnwanted || !filters { ended(last.event) }
    }
}
