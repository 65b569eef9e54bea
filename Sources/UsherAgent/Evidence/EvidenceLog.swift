internal import Dispatch
internal import Logging
internal import Synchronization
internal import UsherConfig
internal import UsherEvidence
internal import UsherSystem
internal import UsherTicket

/// The evidence log of a running agent: one thread writes, and what waits meanwhile goes to the disk together.
final class EvidenceLog: EvidenceSink {
    /// Too much waits, or the agent stops: what was not taken is delivered again.
    struct Overloaded: Error {}

    private struct Batch {
        var records: [EvidenceRecord]
        /// Nil for records that nobody waits for.
        var completion: CheckedContinuation<Void, any Error>?
    }

    private struct Waiting {
        var batches: [Batch] = []
        var count = 0
        var isScheduled = false
        var isClosed = false
        /// Records that found no room since this moment.
        var lost = 0
        var lostSince: Int64 = 0
    }

    /// Records that may wait: bounded memory while the disk does not answer.
    static let mostWaiting = 65_536
    /// How long what nobody waits for may stay in the kernel's memory, milliseconds.
    private static let patience = 200

    private let queue = DispatchQueue(label: "usher.evidence", qos: .userInitiated)
    private let waiting = Mutex(Waiting())
    private let writer: Mutex<EvidenceWriter>
    private let writable = Atomic(false)
    private let syncIsScheduled = Atomic(false)
    private let now: @Sendable () -> Int64
    private let logger: Logger
    /// The last lines that stood in the log at the start, oldest first.
    let found: [EvidenceLine]

    /// Opens the log and makes sure that it can be written.
    ///
    /// - Parameter now: milliseconds since 1970-01-01 UTC.
    init(
        place: EvidencePlace, hostID: String, hostKey: PrivateKey, settings: EvidenceSettings, logger: Logger,
        now: @escaping @Sendable () -> Int64 = { SystemClock.realtimeNanoseconds() / 1_000_000 }
    ) throws(SystemError) {
        var writer = try EvidenceWriter(
            place: place, hostID: hostID, hostKey: hostKey, settings: settings, logger: logger)
        do throws(SystemError) {
            try writer.open(now: now())
        } catch {
            // Nobody new is let in; what runs goes on, and the log is tried again.
            logger.critical("evidence cannot be written", metadata: ["reason": "\(error)"])
            // What passes (no descriptor, a full disk for a moment) should not refuse the first login.
            try? writer.tick(now: now())
        }
        found = writer.found
        writable.store(writer.hasRoom, ordering: .relaxed)
        self.writer = Mutex(writer)
        self.logger = logger
        self.now = now
    }

    /// Whether a new session's evidence is sure of its room.
    var isWritable: Bool { writable.load(ordering: .relaxed) }

    func append(_ records: [EvidenceRecord]) async throws {
        try await withCheckedThrowingContinuation { (completion: CheckedContinuation<Void, any Error>) in
            if !submit(Batch(records: records, completion: completion)) { completion.resume(throwing: Overloaded()) }
        }
    }

    func note(_ record: EvidenceRecord) {
        _ = submit(Batch(records: [record], completion: nil))
    }

    /// A reload has other values.
    func use(_ settings: EvidenceSettings) {
        queue.async { [self] in writer.withLock { $0.settings = settings } }
    }

    /// Twice a second: checkpoints that are due, the reserve, what could not be written before.
    func tick() {
        queue.async { [self] in
            drain()
            attempt("evidence log not looked after") { writer throws(SystemError) in try writer.tick(now: now()) }
        }
    }

    /// Once an hour: files that were kept long enough.
    func prune() {
        queue.async { [self] in
            attempt("old evidence not removed") { writer throws(SystemError) in try writer.prune(now: now()) }
        }
    }

    /// Writes what waits, signs, and takes nothing more.
    func close() async {
        await withCheckedContinuation { done in
            queue.async { [self] in
                drain()
                waiting.withLock { $0.isClosed = true }
                attempt("last checkpoint not written") { writer throws(SystemError) in try writer.close(now: now()) }
                done.resume()
            }
        }
    }

    private func submit(_ batch: Batch) -> Bool {
        let (taken, isFirst) = waiting.withLock { waiting in
            guard !waiting.isClosed, waiting.count + batch.records.count <= Self.mostWaiting else {
                if batch.completion == nil {
                    if waiting.lost == 0 { waiting.lostSince = now() }
                    waiting.lost += batch.records.count
                }
                return (false, false)
            }
            waiting.batches.append(batch)
            waiting.count += batch.records.count
            defer { waiting.isScheduled = true }
            return (true, !waiting.isScheduled)
        }
        if isFirst { queue.async { self.drain() } }
        return taken
    }

    /// One write of all that waits, and one wait for the disk where somebody waits for it.
    private func drain() {
        var (batches, gap) = waiting.withLock { waiting in
            defer { (waiting.batches, waiting.count, waiting.isScheduled) = ([], 0, false) }
            defer { waiting.lost = 0 }
            let gap =
                waiting.lost > 0
                ? EvidenceRecord.notesLost(from: waiting.lostSince, to: now(), count: waiting.lost) : nil
            return (waiting.batches, gap)
        }
        if let gap { batches.insert(Batch(records: [gap], completion: nil), at: 0) }
        guard !batches.isEmpty else { return }
        let records = batches.flatMap(\.records)
        let isWaitedFor = batches.contains { $0.completion != nil }
        var failure: SystemError?
        attempt("evidence not written") { writer throws(SystemError) in
            do throws(SystemError) {
                try writer.write(records, sync: isWaitedFor, now: now())
            } catch {
                failure = error
                throw error
            }
        }
        if let failure {
            keep(batches.filter { $0.completion == nil })
            for batch in batches { batch.completion?.resume(throwing: failure) }
        } else {
            for batch in batches { batch.completion?.resume() }
            if !isWaitedFor { syncSoon() }
        }
    }

    /// What nobody waits for is tried again with the next records, or by the next tick.
    private func keep(_ batches: [Batch]) {
        waiting.withLock { waiting in
            let count = batches.reduce(0) { $0 + $1.records.count }
            guard waiting.count + count <= Self.mostWaiting else {
                if waiting.lost == 0 { waiting.lostSince = now() }
                waiting.lost += count
                return
            }
            waiting.batches.insert(contentsOf: batches, at: 0)
            waiting.count += count
        }
    }

    private func syncSoon() {
        guard !syncIsScheduled.exchange(true, ordering: .relaxed) else { return }
        queue.asyncAfter(deadline: .now() + .milliseconds(Self.patience)) { [self] in
            syncIsScheduled.store(false, ordering: .relaxed)
            attempt("evidence not on the disk") { writer throws(SystemError) in try writer.sync() }
        }
    }

    private func attempt(_ what: String, _ body: (inout EvidenceWriter) throws(SystemError) -> Void) {
        writer.withLock { writer in
            do throws(SystemError) {
                try body(&writer)
            } catch {
                if isWritable { logger.critical("\(what)", metadata: ["reason": "\(error)"]) }
                // At once: until it is open again, nobody new is let in.
                try? writer.open(now: now())
            }
            writable.store(writer.hasRoom, ordering: .relaxed)
        }
    }
}
