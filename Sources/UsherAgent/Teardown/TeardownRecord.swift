internal import Logging
internal import UsherEvidence
internal import UsherStore

/// Does the steps of one teardown, each until it succeeds, and keeps what they did: in memory for the report, and in
/// rows, so that a crash of the agent does not forget what was removed before it.
struct TeardownRecord: Sendable {
    private(set) var steps: [TeardownStep] = []
    private let session: String
    private let store: Store
    private let logger: Logger
    /// What an earlier run of the agent did.
    private let earlier: [TeardownStep.Name: TeardownStep]
    private var unsaved: [TeardownStep] = []

    /// - Parameter wasInterrupted: whether rows of an earlier run may stand.
    init(session: String, store: Store, wasInterrupted: Bool, logger: Logger) {
        self.session = session
        self.store = store
        self.logger = logger
        var earlier: [TeardownStep.Name: TeardownStep] = [:]
        if wasInterrupted {
            do {
                for row in try store.teardownSteps(session: session) {
                    let step = try TeardownStep(row)
                    earlier[step.name] = step
                }
            } catch {
                logger.error("what was removed before is not known", metadata: ["reason": "\(error)"])
            }
        }
        self.earlier = earlier
    }

    /// Does one step, again with back-off until it succeeds. `body` adds to what the step removed; what it left is
    /// found anew by each attempt.
    mutating func step(
        _ name: TeardownStep.Name, _ body: (inout TeardownStep) async throws -> Void
    ) async {
        var step = TeardownStep(name: name)
        let start = ContinuousClock.now
        await Self.untilDone("\(name.rawValue)", logger) { attempt in
            step.attempts = attempt
            step.left = []
            try await body(&step)
        }
        step.microseconds = Int64((ContinuousClock.now - start) / .microseconds(1))
        if !step.removed.isEmpty || !step.left.isEmpty || step.attempts > 1 { unsaved.append(step) }
        if let before = earlier[name] {
            step.microseconds += before.microseconds
            step.attempts += before.attempts
            step.removed = before.removed + step.removed
        }
        for finding in step.left {
            logger.warning(
                "left by the session",
                metadata: ["step": "\(name.rawValue)", "kind": "\(finding.kind)", "what": "\(finding.what)"])
        }
        steps.append(step)
    }

    /// Writes rows of the steps done since the last time. Nobody waits for them.
    mutating func save() {
        guard !unsaved.isEmpty else { return }
        let rows = steps.filter { step in unsaved.contains { $0.name == step.name } }.map(TeardownStepRow.init)
        unsaved = []
        let logger = logger
        store.keep(rows, session: session) { failure in
            if let failure { logger.error("teardown steps not kept", metadata: ["reason": "\(failure)"]) }
        }
    }

    /// Repeats what fails, with growing pauses, and says so: the first time, and then about once a minute.
    static func untilDone(
        _ name: String, _ logger: Logger, _ body: (_ attempt: Int) async throws -> Void
    ) async {
        var pause = Duration.milliseconds(20)
        var attempt = 1
        while true {
            do {
                return try await body(attempt)
            } catch {
                if attempt == 1 || attempt % 12 == 0 {
                    logger.error(
                        "teardown step failed, will be tried again",
                        metadata: ["step": "\(name)", "attempt": "\(attempt)", "reason": "\(error)"])
                }
                attempt += 1
                // Nothing cancels a teardown.
                try? await Task.sleep(for: pause)
                pause = min(pause * 2, .seconds(5))
            }
        }
    }
}
