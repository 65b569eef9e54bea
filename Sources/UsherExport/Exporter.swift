internal import UsherEvidence
internal import UsherSystem

/// Hands lines of the evidence log to a receiver, each at least once and in their order, and remembers how far it came.
public struct Exporter {
    /// What is exported, and for how long.
    public struct Plan: Sendable {
        /// The directory of the log.
        public var directory: String
        /// The file that says how far the receiver has come; nil to begin at the log's first line each time.
        public var cursor: String?
        /// The first line to send, whatever the cursor says.
        public var from: Int64?
        /// Whether to go on with lines that are still to be written, and to try again after a failure.
        public var follow: Bool
        /// Whether to tell what is missing or wrong in the log and go on behind it. The receiver sees it, too.
        public var overGaps: Bool

        public init(
            directory: String, cursor: String? = nil, from: Int64? = nil, follow: Bool = false, overGaps: Bool = false
        ) {
            self.directory = directory
            self.cursor = cursor
            self.from = from
            self.follow = follow
            self.overGaps = overGaps
        }
    }

    /// What the export needs from the process that it runs in.
    public struct Surroundings {
        /// Tells the reader one line.
        public var notify: (String) -> Void
        /// Waits, and says whether the process was told to stop.
        public var pause: (_ milliseconds: Int) -> Bool

        public init(notify: @escaping (String) -> Void, pause: @escaping (_ milliseconds: Int) -> Bool) {
            self.notify = notify
            self.pause = pause
        }
    }

    /// Bytes of lines that are delivered at once, unless a single line is longer.
    static let batchBytes = 1_048_576
    /// Milliseconds between two looks at a log that has nothing new.
    private static let lookInterval = 250
    /// Milliseconds between two writes of the cursor: lines behind it are sent again after a crash.
    private static let saveInterval = 1000

    private let plan: Plan
    private let target: any ExportTarget
    private let surroundings: Surroundings

    init(_ plan: Plan, to target: any ExportTarget, _ surroundings: Surroundings) {
        self.plan = plan
        self.target = target
        self.surroundings = surroundings
    }

    /// Ends when everything is delivered; with `follow`, when it is told to stop.
    public func run() throws(ExportError) {
        let state = ExportState(plan, target: target)
        var backOff = BackOff()
        while true {
            let failure: ExportError
            do throws(ExportError) {
                try pass(state, &backOff)
                return
            } catch {
                failure = error
            }
            _ = target.close()
            // A cursor that cannot be written is what failed, or is told by the next pass.
            try? state.save()
            guard plan.follow else { throw failure }
            guard !wait(after: failure, &backOff) else { return }
        }
    }

    /// From a new connection to its end.
    private func pass(_ state: ExportState, _ backOff: inout BackOff) throws(ExportError) {
        try state.load()
        try state.rewind()
        // Nobody is called as long as there is nothing that could be told.
        guard var lines = try batch(state, &backOff) else { return }
        try target.open()
        if backOff.hasFailed {
            let first = state.window.start.sequence + 1
            surroundings.notify("\(target.destination): connected; sending from line \(first)")
        }
        while true {
            if lines.isEmpty {
                try state.save()
                guard plan.follow else { break }
                try target.check()
                backOff.reset()
                if surroundings.pause(Self.lookInterval) { break }
            } else {
                try target.deliver(lines)
                state.delivered(lines)
                backOff.reset()
                if state.isSaveDue(after: Self.saveInterval) { try state.save() }
                if plan.follow, surroundings.pause(0) { break }
            }
            guard let next = try batch(state, &backOff) else { break }
            lines = next
        }
        if target.close() { state.confirm() }
        try state.save()
    }

    /// The next lines; nil when the process was told to stop. For what is wrong with the log the receiver is not to
    /// blame: no new connection, nothing sent again.
    private func batch(_ state: ExportState, _ backOff: inout BackOff) throws(ExportError) -> [ExportLine]? {
        while true {
            do throws(ExportError) {
                return try state.batch(Self.batchBytes)
            } catch {
                try state.save()
                guard let resume = error.resume else {
                    guard plan.follow else { throw error }
                    if wait(after: error, &backOff) { return nil }
                    state.lookAgain()
                    continue
                }
                if plan.overGaps {
                    surroundings.notify("\(error); going on with line \(resume.sequence + 1)")
                    state.goOn(at: resume)
                    continue
                }
                let advice = "--over-gaps or --from \(resume.sequence + 1) goes on behind it"
                let failure = ExportError(error.stage, "\(error); \(advice)")
                guard plan.follow else { throw failure }
                if wait(after: failure, &backOff) { return nil }
                state.lookAgain()
            }
        }
    }

    private func wait(after failure: ExportError, _ backOff: inout BackOff) -> Bool {
        let seconds = backOff.next()
        surroundings.notify("\(failure); trying again in \(seconds) s")
        return surroundings.pause(seconds * 1000)
    }
}

/// Seconds to wait after one failure upon another.
struct BackOff {
    static let longest = 60
    private var seconds = 0

    var hasFailed: Bool { seconds > 0 }

    mutating func next() -> Int {
        seconds = min(max(1, seconds * 2), Self.longest)
        return seconds
    }

    mutating func reset() {
        seconds = 0
    }
}
