/// auditd's stream in bounded memory: bytes in, raw events and the gaps between them out.
///
/// Reading is cheap and never waits for whoever takes the events: auditd's own queue must not fill. When this one is
/// full, what comes is dropped and told as a gap with its interval and number.
struct AuditStream {
    enum Item: Equatable {
        case event(RawEvent)
        case gap(EvidenceGap)
    }

    /// A record is at most 8970 bytes (MAX_AUDIT_MESSAGE_LENGTH); log_format=ENRICHED adds names behind it.
    static let lineBytes = 32_768
    /// Bounds of the queue; an execve with its records has some 1200 bytes.
    static let queueBytes = 33_554_432
    static let queueEvents = 65_536
    /// What an event costs besides its bytes.
    private static let overhead = 128

    private var assembler: EventAssembler
    /// A line that has no end yet.
    private var partial: [UInt8] = []
    private var isSkipping = false
    private var queue: [Item?] = []
    private var head = 0
    private(set) var queuedBytes = 0
    /// Both end when there is something after them.
    private var dropped: EvidenceGap?
    private var malformed: EvidenceGap?
    private let room: Int

    init(room: Int = AuditStream.queueBytes, filters: Bool = true) {
        assembler = EventAssembler(filters: filters)
        self.room = room
    }

    var queuedItems: Int { queue.count - head }
    /// Nothing is known that has not been taken.
    var isDrained: Bool { queuedItems == 0 && dropped == nil && malformed == nil }

    /// - Parameters:
    ///   - now: nanoseconds of a clock that only goes forward.
    ///   - clock: milliseconds since 1970, for lines that have no time of their own.
    mutating func take(_ bytes: [UInt8], now: Int64, clock: Int64) {
        var start = 0
        while let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) {
            if isSkipping {
                isSkipping = false
            } else if partial.isEmpty {
                line(bytes[start..<end], now, clock)
            } else {
                partial += bytes[start..<end]
                let whole = partial
                partial = []
                line(whole[...], now, clock)
            }
            start = end + 1
        }
        guard !isSkipping else { return }
        partial += bytes[start...]
        if partial.count > Self.lineBytes {
            partial = []
            isSkipping = true
            noteMalformed(clock)
        }
    }

    /// To be called now and then; with `all` at the stream's end.
    mutating func age(now: Int64, all: Bool = false) {
        var ended: [RawEvent] = []
        assembler.age(now: now, all: all) { ended.append($0) }
        for event in ended { enqueue(event) }
    }

    /// The oldest that is known; nil when there is nothing.
    mutating func next() -> Item? {
        if head < queue.count, let item = queue[head].take() {
            head += 1
            if case .event(let event) = item { queuedBytes -= event.lines.count + Self.overhead }
            if head == queue.count {
                queue.removeAll(keepingCapacity: head <= 4096)
                head = 0
            } else if head >= 4096, head * 2 >= queue.count {
                queue.removeFirst(head)
                head = 0
            }
            return item
        }
        return (dropped.take() ?? malformed.take()).map(Item.gap)
    }

    private mutating func line(_ text: ArraySlice<UInt8>, _ now: Int64, _ clock: Int64) {
        guard text.count <= Self.lineBytes, let line = RecordLine.parse(text.span) else {
            if !text.isEmpty { noteMalformed(clock) }
            return
        }
        // At most two: the one that this record ends, and one that had to make room for it.
        var ended: (RawEvent?, RawEvent?)
        assembler.add(line, text, now: now) { event in
            if ended.0 == nil { ended.0 = event } else { ended.1 = event }
        }
        if let event = ended.0 { enqueue(event) }
        if let event = ended.1 { enqueue(event) }
    }

    private mutating func enqueue(_ event: RawEvent) {
        let cost = event.lines.count + Self.overhead
        guard queuedBytes + cost <= room, queuedItems < Self.queueEvents else { return drop(event.stamp.milliseconds) }
        if let gap = dropped.take() { queue.append(.gap(gap)) }
        if let gap = malformed.take() { queue.append(.gap(gap)) }
        queue.append(.event(event))
        queuedBytes += cost
    }

    private mutating func drop(_ time: Int64) {
        var gap =
            dropped
            ?? EvidenceGap(
                from: time, to: time, cause: .pluginDropped, lost: 0,
                detail: "usher-audit's queue was full: the agent did not take events as fast as they came")
        gap.from = min(gap.from, time)
        gap.to = max(gap.to, time)
        gap.lost = (gap.lost ?? 0) + 1
        dropped = gap
    }

    private mutating func noteMalformed(_ clock: Int64) {
        var gap =
            malformed
            ?? EvidenceGap(
                from: clock, to: clock, cause: .streamMalformed, lost: 0,
                detail: "lines from auditd that are no audit records")
        gap.to = max(gap.to, clock)
        gap.lost = (gap.lost ?? 0) + 1
        malformed = gap
    }
}
