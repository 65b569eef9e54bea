internal import Logging
internal import ServiceLifecycle
internal import UnixSignals
internal import UsherConfig
internal import UsherStore
internal import UsherSystem

/// Twice a second: what is over by the clock. Once an hour: tickets that nobody can present any more. After the last
/// session's end: memory that many of them took.
struct Timekeeper: Service, CustomStringConvertible {
    let runtime: Runtime
    let description = "timekeeper"

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var ticks = 0
            var wasBusy = false
            while !Task.isCancelled {
                await runtime.sessions.endOverdue(
                    now: SystemClock.boottimeNanoseconds(),
                    admissionLifetime: runtime.policy.now.configuration.admissionLifetime)
                await runtime.lists.check()
                runtime.evidence.tick()
                if ticks % 7200 == 0 { await prune() }
                let isBusy = runtime.registry.sessionCount > 0
                if wasBusy && !isBusy { CurrentProcess.returnFreeMemory() }
                wasBusy = isBusy
                ticks += 1
                try? await Task.sleep(for: .milliseconds(500))
            }
        }
    }

    private func prune() async {
        runtime.evidence.prune()
        let skew = runtime.policy.now.configuration.skew
        do {
            // Once the skew for its acceptance, once more for a clock that may be behind the mark by as much.
            let before = SystemClock.realtimeSeconds() - 3 * skew - 60
            try await runtime.store.pruneTickets(expiredBefore: before)
            try await runtime.store.pruneRevocations(expiredBefore: before)
        } catch {
            runtime.logger.error("burned tickets not pruned", metadata: ["reason": "\(error)"])
        }
    }
}

/// SIGHUP reads the configuration again.
struct Reloader: Service, CustomStringConvertible {
    let runtime: Runtime
    let description = "reloader"

    func run() async throws {
        await cancelWhenGracefulShutdown {
            for await _ in await UnixSignalsSequence(trapping: .sighup) {
                // A mistake is logged there; the agent goes on with what stood before.
                _ = try? await runtime.reload()
            }
        }
    }
}
