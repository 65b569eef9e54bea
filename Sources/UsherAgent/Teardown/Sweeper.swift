internal import NIOPosix
internal import Synchronization
internal import UsherSystem

/// Looks for the processes of many sessions in one pass over /proc: requests that come while a pass runs wait for
/// the next one and share it, so that ending many sessions costs passes, not passes times sessions. After a pass it
/// rests: looking for the dead takes a tenth of one processor from those who log in.
final class Sweeper: Sendable {
    private struct Request {
        var match: SessionMatch
        var continuation: CheckedContinuation<Result<[Int32], SystemError>, Never>
    }

    private struct State {
        var waiting: [Request] = []
        var running = false
    }

    /// So that a pass over very many processes does not hold up a teardown for as many times as long.
    private static let longestRest: Duration = .milliseconds(100)

    private let threads: NIOThreadPool
    private let state = Mutex(State())

    init(threads: NIOThreadPool) {
        self.threads = threads
    }

    /// The processes that were alive, zombies aside, at some moment after the call.
    func processes(of match: SessionMatch) async throws(SystemError) -> [Int32] {
        let result = await withCheckedContinuation { continuation in
            let start = state.withLock { state in
                state.waiting.append(Request(match: match, continuation: continuation))
                defer { state.running = true }
                return !state.running
            }
            if start { Task { await self.drain() } }
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
            await pass(for: requests)
            // Nothing cancels this task.
            try? await Task.sleep(for: min((ContinuousClock.now - start) * 9, Self.longestRest))
        }
    }

    private func pass(for requests: [Request]) async {
        do {
            let found = try await threads.runIfActive { try ProcessScan.find(matching: requests.map(\.match)) }
            for (request, processes) in zip(requests, found) {
                request.continuation.resume(returning: .success(processes))
            }
        } catch {
            let failure = error as? SystemError ?? SystemError("look for processes", refused: "\(error)")
            for request in requests { request.continuation.resume(returning: .failure(failure)) }
        }
    }
}
