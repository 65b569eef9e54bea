internal import UsherWire

/// The calls of `io.usher.Audit.Deliver`, one at a time: a batch is kept and sent again until the agent has
/// acknowledged it, while the next one is made ready.
struct Delivery {
    /// Bounds of a batch; one event alone can have twice `EventAssembler.eventBytes`.
    static let batchEvents = 512
    static let batchBytes = 262_144

    /// What became of the batch that was sent.
    enum Outcome: Equatable {
        case acknowledged
        /// The agent could not keep it now.
        case later(String)
        /// The agent will never take it; it was let go, and the next batch says so.
        case refused(String)
        /// What came is no answer: the connection is of no more use.
        case nonsense
    }

    private struct Batch {
        var number: Int64
        var writer = JSONWriter(sink: [UInt8]())
        var events = 0
        var gaps: [EvidenceGap] = []
        /// Of the events, milliseconds since 1970.
        var interval: ClosedRange<Int64>?

        var isFull: Bool { events >= Delivery.batchEvents || writer.sink.count >= Delivery.batchBytes }
        var isEmpty: Bool { events == 0 && gaps.isEmpty }
    }

    private let stream: String
    private var number: Int64 = 0
    private var preparing: Batch
    private var sent: (batch: Batch, frame: [UInt8])?
    private(set) var events = 0

    /// - Parameter stream: names this run of the plugin; the agent tells a repeated batch by it.
    init(stream: String) {
        self.stream = stream
        preparing = Self.batch(1, stream)
    }

    /// The call that has no answer yet, with its NUL.
    var frame: [UInt8]? { sent?.frame }
    var hasSomething: Bool { sent != nil || !preparing.isEmpty }
    /// Whether `prepare` can do anything.
    var hasRoom: Bool { !preparing.isFull }

    /// Takes at most `limit` items of the stream into the batch that goes next.
    mutating func prepare(from stream: inout AuditStream, with parser: EventParser, limit: Int = 64) {
        for _ in 0..<limit {
            guard !preparing.isFull, let item = stream.next() else { return }
            switch item {
            case .gap(let gap): preparing.gaps.append(gap)
            case .event(let raw):
                let (event, unread) = parser.parse(raw)
                event.write(to: &preparing.writer)
                preparing.events += 1
                let time = event.stamp.milliseconds
                preparing.interval =
                    min(
                        preparing.interval?.lowerBound ?? time, time)...max(
                        preparing.interval?.upperBound ?? time, time)
                guard unread > 0 else { continue }
                preparing.gaps.append(
                    EvidenceGap(
                        from: time, to: time, cause: .streamMalformed, lost: unread,
                        detail: "event \(event.stamp.serial) has records that libauparse does not read"))
            }
        }
    }

    /// Makes the prepared batch the one that is to be sent; also an empty one, which says that the plugin is there.
    /// Does nothing while another waits for its answer.
    mutating func send() {
        guard sent == nil else { return }
        var batch = preparing
        batch.writer.endArray()
        batch.writer.name("gaps")
        batch.writer.beginArray()
        for gap in batch.gaps { gap.write(to: &batch.writer) }
        batch.writer.endArray()
        batch.writer.endObject()
        batch.writer.endObject()
        number = batch.number
        var frame = batch.writer.sink
        frame.append(0)
        batch.writer.sink = []
        sent = (batch, frame)
        preparing = Self.batch(number + 1, stream)
    }

    /// Judges the answer's frame, without its NUL.
    mutating func answer(_ bytes: [UInt8]) -> Outcome {
        guard let sent, let reply = VarlinkReply.parse(bytes.span) else { return .nonsense }
        if let error = reply.error {
            let name = String(decoding: error, as: UTF8.self)
            guard !error.equals("io.usher.Audit.NotKept") else { return .later(name) }
            var gaps = sent.batch.gaps
            if let interval = sent.batch.interval {
                gaps.append(
                    EvidenceGap(
                        from: interval.lowerBound, to: interval.upperBound, cause: .pluginDropped,
                        lost: sent.batch.events, detail: "the agent refused a batch: \(name)"))
            }
            preparing.gaps = gaps + preparing.gaps
            self.sent = nil
            return .refused(name)
        }
        guard case .integer(sent.batch.number)? = reply.parameters["acknowledged"] else { return .nonsense }
        events += sent.batch.events
        self.sent = nil
        return .acknowledged
    }

    private static func batch(_ number: Int64, _ stream: String) -> Batch {
        var batch = Batch(number: number)
        batch.writer.beginObject()
        batch.writer.name("method")
        batch.writer.string("io.usher.Audit.Deliver")
        batch.writer.name("parameters")
        batch.writer.beginObject()
        batch.writer.name("stream")
        batch.writer.string(Array(stream.utf8).span)
        batch.writer.name("number")
        batch.writer.integer(number)
        batch.writer.name("events")
        batch.writer.beginArray()
        return batch
    }
}
