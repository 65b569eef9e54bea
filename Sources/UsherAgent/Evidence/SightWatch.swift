internal import Logging
internal import NIOPosix
internal import ServiceLifecycle
internal import UsherEvidence
internal import UsherSystem

/// Once a second: does the kernel's audit reach the evidence log? What it finds goes where the events go.
struct SightWatch: Service, CustomStringConvertible {
    /// Gaps that wait for a log that takes none; beyond, two become one.
    private static let waiting = 256

    let audit: Audit
    let plugin: PluginState
    /// When the run of the agent before this one wrote its last line, milliseconds since 1970; nil on a new log.
    let lastLine: Int64?
    let intake: any AuditIntake
    let threads: NIOThreadPool
    let logger: Logger
    let description = "sight watch"

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var judge = SightJudge(startedBoot: SystemClock.boottimeNanoseconds())
            var waiting: [EvidenceGap] = []
            var isTold = false
            if let gap = downtime() { add([gap], to: &waiting) }
            while !Task.isCancelled {
                if let reading = await look() {
                    add(judge.judge(reading), to: &waiting)
                }
                if !waiting.isEmpty {
                    do {
                        try await intake.take(AuditBatch(events: [], gaps: waiting))
                        waiting = []
                        isTold = false
                    } catch {
                        if !isTold { logger.error("gaps of evidence not kept", metadata: ["reason": "\(error)"]) }
                        isTold = true
                    }
                }
                try? await Task.sleep(for: .seconds(1))
            }
        }
    }

    /// Nobody looked while no agent ran: rules may have come and gone, and the plugin may have been another.
    private func downtime() -> EvidenceGap? {
        guard let lastLine else { return nil }
        let now = SystemClock.realtimeNanoseconds() / 1_000_000
        return EvidenceGap(
            from: min(lastLine, now), to: max(lastLine, now), cause: .agentDown,
            detail: "no agent ran; what usher-audit kept meanwhile follows")
    }

    private func add(_ gaps: [EvidenceGap], to waiting: inout [EvidenceGap]) {
        for gap in gaps {
            logger.warning(
                "evidence may be missing",
                metadata: ["cause": "\(gap.cause.rawValue)", "lost": "\(gap.lost ?? 0)", "detail": "\(gap.detail)"])
            if waiting.count < Self.waiting {
                waiting.append(gap)
            } else {
                waiting[0].from = min(waiting[0].from, gap.from)
                waiting[0].to = max(waiting[0].to, gap.to)
                waiting[0].detail = "several gaps, the first of them: \(waiting[0].cause.rawValue)"
            }
        }
    }

    /// None where the kernel does not tell them: what cannot be seen is not there.
    private func rules() -> [UInt8] {
        do throws(SystemError) {
            return try audit.rules(withKeyPrefix: "usher-")
        } catch {
            logger.error("the kernel's audit rules were not read", metadata: ["reason": "\(error)"])
            return []
        }
    }

    private func look() async -> SightJudge.Reading? {
        do {
            return try await threads.runIfActive {
                let status = try audit.status()
                let rules = rules()
                return SightJudge.Reading(
                    clock: SystemClock.realtimeNanoseconds() / 1_000_000, boot: SystemClock.boottimeNanoseconds(),
                    status: status, rules: rules, plugin: plugin.heard, delivered: plugin.delivered)
            }
        } catch {
            // The next look covers this one's time too.
            logger.error("the kernel's audit was not looked at", metadata: ["reason": "\(error)"])
            return nil
        }
    }
}
