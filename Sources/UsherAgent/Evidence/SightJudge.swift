internal import UsherEvidence
internal import UsherSystem

/// Tells from one look a second whether the kernel's audit reaches the evidence log whole, and where it did not: as gaps.
///
/// A state that goes on (no auditd) is told when it begins, once a minute while it lasts, and when it ends, so that the
/// log's end never looks quiet.
struct SightJudge {
    /// One look.
    struct Reading {
        /// Milliseconds since 1970.
        var clock: Int64
        /// Boot clock, nanoseconds.
        var boot: Int64
        var status: Audit.Status
        /// The kernel's rules with our keys, as it gives them.
        var rules: [UInt8]
        var plugin: PluginState.Heard?
        /// The newest event that the plugin has delivered, milliseconds since 1970.
        var delivered: Int64?
    }

    /// Milliseconds that a record may have waited in the kernel's and auditd's queues before it was lost.
    static let longestQueue: Int64 = 600_000

    /// Nanoseconds without a word after which the plugin counts as gone; it speaks twice a second.
    static let silence: Int64 = 5_000_000_000
    /// Milliseconds between two words about a state that goes on.
    static let repetition: Int64 = 60_000
    /// Milliseconds that the clock may gain or lose between two looks: adjtime moves it by less.
    static let slew: Int64 = 500

    private enum State: CaseIterable, Hashable {
        case noDaemon, disabled, noRules, noPlugin

        var cause: EvidenceGap.Cause {
            switch self {
            case .noDaemon: .auditdDown
            case .disabled: .auditDisabled
            case .noRules: .rulesChanged
            case .noPlugin: .pluginDown
            }
        }

        var detail: String {
            switch self {
            case .noDaemon: "no daemon reads the kernel's audit"
            case .disabled: "the kernel's audit is switched off"
            case .noRules: "none of Usher's rules is seen in the kernel"
            case .noPlugin: "usher-audit does not speak to the agent"
            }
        }
    }

    private let startedBoot: Int64
    private var last: Reading?
    /// Until when each state that goes on has been told.
    private var told: [State: Int64] = [:]

    init(startedBoot: Int64) {
        self.startedBoot = startedBoot
    }

    mutating func judge(_ reading: Reading) -> [EvidenceGap] {
        defer { last = reading }
        let before = last?.clock ?? reading.clock
        let interval = min(before, reading.clock)...max(before, reading.clock)
        var gaps: [EvidenceGap] = []
        if let last {
            gaps += changes(from: last, to: reading, interval)
        }
        for state in State.allCases {
            if holds(state, reading) {
                if let until = told[state] {
                    if reading.clock - until >= Self.repetition || reading.clock < until {
                        gaps.append(gap(state, until, reading.clock, "; it goes on"))
                        told[state] = reading.clock
                    }
                } else {
                    let from = state == .noPlugin ? reading.plugin?.clock ?? interval.lowerBound : interval.lowerBound
                    gaps.append(gap(state, from, reading.clock, ""))
                    told[state] = reading.clock
                }
            } else if let until = told.removeValue(forKey: state) {
                gaps.append(gap(state, until, reading.clock, "; it is over"))
            }
        }
        return gaps
    }

    private func changes(
        from before: Reading, to reading: Reading, _ interval: ClosedRange<Int64>
    ) -> [EvidenceGap] {
        var gaps: [EvidenceGap] = []
        func add(_ cause: EvidenceGap.Cause, _ lost: Int? = nil, _ detail: String) {
            gaps.append(
                EvidenceGap(
                    from: interval.lowerBound, to: interval.upperBound, cause: cause, lost: lost, detail: detail))
        }
        let lost = reading.status.lost &- before.status.lost
        // `auditctl --reset-lost` sets it to zero: what was lost since the last look is then what stands there now.
        if lost != 0 {
            let count = reading.status.lost > before.status.lost ? lost : reading.status.lost
            if count > 0 {
                add(.kernelLost, Int(count), "the kernel had no room for records")
                // Lost now, but written any time since the newest that came through: the queues are first in, first out.
                let last = gaps.count - 1
                let oldest = interval.lowerBound - Self.longestQueue
                gaps[last].from = min(interval.lowerBound, max(before.delivered ?? oldest, oldest))
            }
        }
        if reading.rules != before.rules, !reading.rules.isEmpty, !before.rules.isEmpty {
            add(.rulesChanged, nil, "the kernel's rules with Usher's keys are others than before")
        }
        let jump = (reading.clock - before.clock) - (reading.boot - before.boot) / 1_000_000
        if jump.magnitude > Self.slew.magnitude { add(.clockChanged, nil, "the clock was set by \(jump) ms") }
        return gaps
    }

    private func holds(_ state: State, _ reading: Reading) -> Bool {
        switch state {
        case .noDaemon: reading.status.daemonPID == 0
        case .disabled: reading.status.enabled == 0
        case .noRules: reading.rules.isEmpty
        case .noPlugin: reading.boot - max(reading.plugin?.boot ?? 0, startedBoot) > Self.silence
        }
    }

    private func gap(_ state: State, _ from: Int64, _ to: Int64, _ more: String) -> EvidenceGap {
        EvidenceGap(from: min(from, to), to: max(from, to), cause: state.cause, detail: state.detail + more)
    }
}
