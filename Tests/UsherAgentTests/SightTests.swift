import Testing
import UsherEvidence
import UsherSystem
import UsherWire

@testable import UsherAgent

@Suite("what the agent sees of the kernel's audit")
struct SightTests {
    private static let sound = Audit.Status(
        enabled: 1, failure: 1, daemonPID: 77, rateLimit: 0, backlogLimit: 8192, lost: 5, backlog: 0)

    /// A look `second` seconds after the start, when the clock said 1,000,000 s.
    private func look(
        _ second: Int64, rules: [UInt8] = [1], heard: Bool = true, clock: Int64? = nil,
        _ change: (inout Audit.Status) -> Void = { _ in }
    ) -> SightJudge.Reading {
        var status = Self.sound
        change(&status)
        let boot = second * 1_000_000_000
        let time = clock ?? (1_000_000 + second) * 1000
        return SightJudge.Reading(
            clock: time, boot: boot, status: status, rules: rules,
            plugin: heard ? PluginState.Heard(boot: boot, clock: time) : nil)
    }

    private func judge(_ readings: [SightJudge.Reading]) -> [EvidenceGap] {
        var judge = SightJudge(startedBoot: 0)
        return readings.flatMap { judge.judge($0) }
    }

    @Test("nothing is told while everything is in order")
    func quiet() {
        #expect(judge((0..<300).map { look($0) }).isEmpty)
    }

    @Test("records that the kernel lost are a gap between the two looks, with their number")
    func lost() {
        let gaps = judge([look(0), look(1), look(2) { $0.lost = 12 }, look(3) { $0.lost = 12 }])
        #expect(gaps.map(\.cause) == [.kernelLost] && gaps.first?.lost == 7)
        #expect((gaps.first?.from ?? 0) <= 1_000_001_000 && gaps.first?.to == 1_000_002_000)
        var before = look(1)
        before.delivered = 999_990_000
        let queued = judge([before, look(2) { $0.lost = 6 }])
        #expect(queued.first?.from == 999_990_000, "it may have waited since the newest that came through")
        #expect(judge([look(0), look(1) { $0.lost = 0 }]).isEmpty, "auditctl --reset-lost")
        #expect(judge([look(0), look(1) { $0.lost = 2 }]).first?.lost == 2, "and then two more")
    }

    @Test(
        "a state that goes on is told at its begin, each minute, and at its end",
        arguments: [EvidenceGap.Cause.auditdDown, .auditDisabled, .rulesChanged, .pluginDown])
    func states(cause: EvidenceGap.Cause) throws {
        func broken(_ second: Int64) -> SightJudge.Reading {
            look(second, rules: cause == .rulesChanged ? [] : [1], heard: cause != .pluginDown) { status in
                if cause == .auditdDown { status.daemonPID = 0 }
                if cause == .auditDisabled { status.enabled = 0 }
            }
        }
        let gaps = judge([look(0), look(1)] + (2...100).map(broken) + [look(101), look(102)])
        #expect(gaps.allSatisfy { $0.cause == cause } && gaps.count >= 3)
        // No second of it is left out.
        let last = try #require(gaps.last)
        for (one, next) in zip(gaps, gaps.dropFirst()) { #expect(next.from <= one.to) }
        #expect(last.to >= 1_000_100_000)
        #expect((gaps.first?.from ?? 0) <= 1_000_006_000)
    }

    @Test("other rules than before are told, and a clock that was set")
    func changes() {
        #expect(judge([look(0), look(1, rules: [2])]).map(\.cause) == [.rulesChanged])
        let back = judge([look(0), look(1, clock: 400_000_000)])
        #expect(back.map(\.cause) == [.clockChanged])
        #expect(back.first?.from == 400_000_000 && back.first?.to == 1_000_000_000)
        #expect(judge([look(0), look(1, clock: 1_000_001_300)]).isEmpty, "adjtime")
    }

    @Test("a rule of ours that was removed, and audit switched off, are gaps from the record's own time")
    func records() {
        var event = AuditEvent(stamp: AuditEvent.Stamp(milliseconds: 5000, serial: 1), type: "CONFIG_CHANGE")
        event.fields = [AuditEvent.Field(name: "op", value: Array("remove_rule".utf8))]
        #expect(ConfigurationChange.gap(in: event, clock: 6000) == nil, "another's rule")
        event.keys = ["usher-exec"]
        #expect(ConfigurationChange.gap(in: event, clock: 6000)?.cause == .rulesChanged)
        event.fields = [
            AuditEvent.Field(name: "op", value: Array("set".utf8)),
            AuditEvent.Field(name: "audit_enabled", value: [0x30]), AuditEvent.Field(name: "old", value: [0x31]),
        ]
        let gap = ConfigurationChange.gap(in: event, clock: 6000)
        #expect(gap?.cause == .auditDisabled && gap?.from == 5000 && gap?.to == 6000)
    }

    @Test("a batch is taken once, in order; another run of the plugin leaves a gap")
    func batches() throws {
        func delivered(_ stream: String, _ number: Int64) throws -> AuditService.Delivered {
            try AuditService.Delivered(
                JSONObject([
                    "stream": .text(stream), "number": .integer(number), "events": .array([]), "gaps": .array([]),
                ]))
        }
        let state = PluginState()
        let first = try delivered("a", 7)
        #expect(state.begin(first, clock: 1000, now: 1) == .new([]), "the agent is younger than the plugin")
        #expect(state.begin(first, clock: 1000, now: 1) == .busy)
        state.finish(first, taken: false)
        #expect(state.begin(first, clock: 1100, now: 2) == .new([]), "again, as it was not kept")
        state.finish(first, taken: true)
        #expect(state.begin(first, clock: 1200, now: 3) == .repeated)
        #expect(state.begin(try delivered("a", 9), clock: 1300, now: 4) == .outOfOrder(8))
        guard case .new(let gaps) = state.begin(try delivered("b", 1), clock: 2000, now: 5) else {
            Issue.record("not taken")
            return
        }
        #expect(gaps.map(\.cause) == [.pluginDown] && gaps.first?.from == 1300 && gaps.first?.to == 2000)
    }
}
