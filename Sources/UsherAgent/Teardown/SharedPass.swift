internal import Synchronization
internal import UsherSystem

/// One look at something of the whole host that serves many teardowns: requests that come while a pass runs wait for
/// the next one and share it, so that ending many sessions costs passes, not passes times sessions. After a pass it
/// rests: looking around takes a tenth of one processor from those who log in.
final class SharedPass<Question: Sendable, Answer: Sendable>: Sendable {
    private struct Request {
        var question: Question
        var continuation: CheckedContinuation<Result<Answer, SystemError>, Never>
    }

    private struct State {
        var waiting: [Request] = []
        var running = false
    }

    /// So that a pass over very much does not hold up a teardown for as many times as long.
    private static var longestRest: Duration { .milliseconds(100) }

    private let executor: ThreadPoolTaskExecutor
    private let look: @Sendable ([Question]) throws(SystemError) -> [Answer]
    private let state = Mutex(State())

    /// - Parameter look: blocks; answers all questions, in their order.
    init(executor: ThreadPoolTaskExecutor, look: @escaping @Sendable ([Question]) throws(SystemError) -> [Answer]) {
        self.executor = executor
        self.look = look
    }

    /// What was so at some moment after the call.
    func answer(_ question: Question) async throws(SystemError) -> Answer {
        let result = await withCheckedContinuation { continuation in
            let start = state.withLock { state in
                state.waiting.append(Request(question: question, continuation: continuation))
                defer { state.running = true }
                return !state.running
            }
            if start { Task(executorPreference: executor) { await self.drain() } }
        }
        return try result.get()
    }

    private func drain() async {
        while true {
            let requests = state.withLock { state in
                defer { state.waiting = [] }
                if state.waiting.isEmpty { state.running = false }
                return state.waiting
            }
            if requests.isEmpty { return }
            let start = ContinuousClock.now
            pass(for: requests)
            // Nothing cancels this task.
            try? await Task.sleep(for: min((ContinuousClock.now - start) * 9, Self.longestRest))
        }
    }

    private func pass(for requests: [Request]) {
        do throws(SystemError) {
            let answers = try look(requests.map(\.question))
            for (request, answer) in zip(requests, answers) { request.continuation.resume(returning: .success(answer)) }
        } catch {
            for request in requests { request.continuation.resume(returning: .failure(error)) }
        }
    }
}
