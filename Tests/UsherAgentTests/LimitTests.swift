import Testing
import UsherStore
import UsherSystem

@testable import UsherAgent

private let second: Int64 = 1_000_000_000
private let pts0 = DeviceNumber(major: 136, minor: 0)
/// A wall clock at the start of a step of the terminals' clock.
private let noon: Int64 = 1_800_000_000

/// A session seen second by second: `t` is the boot clock, `noon + t` the wall clock.
private struct Watched {
    var judge: IdleJudge
    var input: Int64? = noon
    var output = noon
    var ticks: UInt64 = 0
    var written: UInt64 = 0
    let process = ProcessIdentity(pid: 7, startTime: 7)

    init(limit: Int64, counts: IdleCounts, terminal: Bool = true) {
        judge = IdleJudge(limit: limit, counts: counts, openedAt: 0)
        if !terminal { input = nil }
    }

    /// What happens in each second is done by `during`; returns the second at which the session is over.
    mutating func end(before last: Int64, during: (inout Watched, Int64) -> Void = { _, _ in }) -> Int64? {
        for now in 1...last {
            during(&self, now)
            let terminals = input.map { [TerminalUse(terminal: pts0, inputAt: $0, outputAt: output)] } ?? []
            var processes: [ProcessUse]?
            if judge.needsProcesses(hasTerminal: !terminals.isEmpty, at: now * second) {
                processes = [
                    ProcessUse(identity: process, processorTicks: ticks, written: written, readFromStorage: 0)
                ]
            }
            let reading = ActivityReading(
                at: now * second, wall: noon + now, terminals: terminals, processes: processes)
            if judge.isOver(reading) { return now }
        }
        return nil
    }

    /// As the kernel keeps a terminal's time: unchanged within a step of 8 s.
    static func touch(_ time: inout Int64, at now: Int64) {
        if time / 8 != now / 8 { time = now }
    }

    mutating func type(_ now: Int64) {
        var time = input ?? 0
        Self.touch(&time, at: noon + now)
        input = time
    }
}

@Suite struct IdleJudgeTests {
    @Test func aTerminalThatNobodyTypesOnIsIdleAtMostOneStepLate() {
        var watched = Watched(limit: 60, counts: .input)
        let end = watched.end(before: 200)
        #expect(end.map { (60...68).contains($0) } == true)
    }

    @Test(arguments: [IdleCounts.input, .io]) func typingKeepsASession(counts: IdleCounts) {
        var watched = Watched(limit: 10, counts: counts)
        #expect(watched.end(before: 500) { watched, now in if now % 9 == 0 { watched.type(now) } } == nil)
    }

    @Test func aSessionIsNeverIdleBeforeItsLimitWhateverStepTheLastKeyFellInto() {
        for last: Int64 in 1...40 {
            var watched = Watched(limit: 20, counts: .input)
            let end = watched.end(before: 200) { watched, now in if now <= last { watched.type(now) } }
            #expect(end.map { (last + 20...last + 29).contains($0) } == true, "last key at \(last)")
        }
    }

    @Test func aSessionThatCannotBeSeenIsOverAfterAWholeLimitOfThat() {
        var watched = Watched(limit: 10, counts: .io)
        let seen = watched.end(before: 5)
        #expect(seen == nil && !watched.judge.isBlind)
        let over = (6...20).first { now in watched.judge.isOver(unseenAt: now * second) }
        #expect(over == 16 && watched.judge.isBlind)
    }

    @Test func whatIsSeenInBetweenMakesTheBlindTimeBeginAnew() {
        var judge = IdleJudge(limit: 10, counts: .input, openedAt: 0)
        let key = TerminalUse(terminal: pts0, inputAt: noon + 8, outputAt: noon)
        let reading = ActivityReading(at: 8 * second, wall: noon + 8, terminals: [key], processes: nil)
        let before = judge.isOver(unseenAt: second)
        let seen = judge.isOver(reading)
        #expect(!before && !seen && !judge.isBlind)
        let over = (9...30).first { now in judge.isOver(unseenAt: now * second) }
        #expect(over == 19)
    }

    @Test func withInputNeitherOutputNorWorkCounts() {
        var watched = Watched(limit: 30, counts: .input)
        let end = watched.end(before: 200) { watched, now in
            Watched.touch(&watched.output, at: noon + now)
            watched.ticks += 100
            watched.written += 1_000_000
        }
        #expect(end.map { $0 <= 38 } == true)
    }

    @Test func withIOASilentBuildGoesOnAndEndsWhenItIsDone() {
        var watched = Watched(limit: 30, counts: .io)
        let end = watched.end(before: 1000) { watched, now in if now <= 500 { watched.ticks += 90 } }
        #expect(end.map { (530...550).contains($0) } == true)
    }

    @Test func withIOOutputAloneCountsThreeTimes() {
        // top: 2 % of a processor, 3 KiB every three seconds.
        var watched = Watched(limit: 30, counts: .io)
        let end = watched.end(before: 1000) { watched, now in
            Watched.touch(&watched.output, at: noon + now)
            watched.ticks += 2
            if now % 3 == 0 { watched.written += 3072 }
        }
        #expect(end.map { (120...170).contains($0) } == true)
        #expect(watched.judge.extensions == IdleJudge.outputExtensions)
    }

    @Test func aKeyAllowsOutputAloneAnew() {
        var watched = Watched(limit: 30, counts: .io)
        let end = watched.end(before: 1000) { watched, now in
            Watched.touch(&watched.output, at: noon + now)
            if now % 100 == 0, now <= 500 { watched.type(now) }
        }
        #expect(end.map { $0 > 600 && $0 < 680 } == true)
    }

    @Test func theAgentsOwnWarningIsNoOutput() {
        var watched = Watched(limit: 30, counts: .io)
        let end = watched.end(before: 1000) { watched, now in
            if now == 20 {
                watched.judge.forgetOutput()
                watched.output = noon + now
            }
        }
        #expect(end.map { $0 < 60 } == true)
    }

    @Test func withoutATerminalWorkCountsInBothModesAndKeepAlivesDoNot() {
        for counts in [IdleCounts.input, .io] {
            var copy = Watched(limit: 20, counts: counts, terminal: false)
            #expect(copy.end(before: 500) { watched, _ in watched.written += 6_000 } == nil)
            var tunnel = Watched(limit: 20, counts: counts, terminal: false)
            let end = tunnel.end(before: 500) { watched, _ in watched.written += 100 }
            #expect(end.map { (20...45).contains($0) } == true)
        }
    }

    @Test func timesThatAnOwnerMadeUpHurtNobody() {
        for time in [Int64.min, -1, 0, .max - 3, .max] {
            var watched = Watched(limit: 20, counts: .input)
            let end = watched.end(before: 100) { watched, _ in watched.input = time }
            #expect(end.map { $0 <= 29 } == true, "\(time)")
        }
    }

    @Test func aClockThatIsSetDoesNotEndASessionThatIsTypedOn() {
        var judge = IdleJudge(limit: 20, counts: .input, openedAt: 0)
        for now: Int64 in 1...300 {
            let wall = now < 100 ? noon + now : noon - 1_000_000 + now
            let typed = wall / 8 * 8
            let use = TerminalUse(terminal: pts0, inputAt: typed, outputAt: 0)
            let reading = ActivityReading(at: now * second, wall: wall, terminals: [use], processes: nil)
            let over = judge.isOver(reading)
            #expect(!over)
        }
    }

    @Test func aRestartedAgentFindsTheLastKeyOfATerminal() {
        var judge = IdleJudge(limit: 600, counts: .input, openedAt: 0)
        let use = TerminalUse(terminal: pts0, inputAt: noon, outputAt: noon)
        let over = judge.isOver(
            ActivityReading(at: 1_000 * second, wall: noon + 500, terminals: [use], processes: nil))
        #expect(!over && judge.activeAt == 508 * second)
    }
}

@Suite struct WarningLadderTests {
    @Test func eachPointIsDueOnceAndOnlyTheNextOneAfterAPause() {
        var ladder = WarningLadder()
        let end = 1_000 * second
        #expect(ladder.due([300, 60, 10], end: end, now: 0) == nil)
        #expect(ladder.due([300, 60, 10], end: end, now: 700 * second) == 300)
        #expect(ladder.due([300, 60, 10], end: end, now: 701 * second) == nil)
        #expect(ladder.due([300, 60, 10], end: end, now: 995 * second) == 10)
        #expect(ladder.due([300, 60, 10], end: end, now: 999 * second) == nil)
        #expect(ladder.due([300, 60, 10], end: end, now: 1_001 * second) == nil)
    }

    @Test func pointsThatWereOverWhenTheEndBecameKnownAreLeftOut() {
        var ladder = WarningLadder()
        #expect(ladder.due([300, 60], end: 100 * second, now: 0) == nil)
        #expect(ladder.due([300, 60], end: 100 * second, now: 40 * second) == 60)
    }

    @Test func anExtendedSessionIsWarnedAgain() {
        var ladder = WarningLadder()
        _ = ladder.due([60], end: 100 * second, now: 0)
        #expect(ladder.due([60], end: 100 * second, now: 50 * second) == 60)
        #expect(ladder.due([60], end: 200 * second, now: 51 * second) == nil)
        #expect(ladder.due([60], end: 200 * second, now: 141 * second) == 60)
    }
}

@Suite struct ExtensionTests {
    private func live(_ change: (inout LiveSession) -> Void = { _ in }) -> LiveSession {
        var session = sampleSession()
        session.state = .open
        session.openedBoot = 0
        session.endsBoot = 600 * second
        var live = LiveSession(session: session)
        change(&live)
        return live
    }

    @Test func anExtensionReachesTheLongestAndNotASecondFurther() throws {
        let end = try SessionManager.extendedEnd(live(), by: 300, longest: 900, now: 100)
        #expect(end == 900 * second)
        #expect {
            try SessionManager.extendedEnd(live(), by: 301, longest: 900, now: 100)
        } throws: { error in
            (error as? SessionManager.ExtensionRefusal)?.reason.contains("leaves 300 s, not 301 s") == true
        }
    }

    @Test func aSessionThatEndsOrWhoseRoleIsGoneIsNotExtended() {
        let refusal = SessionManager.ExtensionRefusal.self
        #expect(throws: refusal) {
            try SessionManager.extendedEnd(
                live { $0.session.state = .closing }, by: 1, longest: 900, now: 0)
        }
        #expect(throws: refusal) { try SessionManager.extendedEnd(live(), by: 1, longest: nil, now: 0) }
        #expect(throws: refusal) {
            try SessionManager.extendedEnd(live(), by: 1, longest: 900, now: 600 * second)
        }
    }
}

@Suite struct EndCauseTests {
    @Test(arguments: EndCause.Kind.allCases) func aCauseSurvivesItsRow(kind: EndCause.Kind) {
        for detail in [nil, "CHG-1: withdrawn"] {
            let cause = EndCause(kind, detail: detail, by: "uid 0 (pid 5)")
            #expect(EndCause(reason: cause.reason, by: cause.by) == cause)
        }
    }

    @Test func aReasonOfTheFirstVersionWasAnAdministrators() {
        #expect(EndCause(reason: "withdrawn", by: "uid 0 (pid 5)").kind == .operatorAsked)
    }
}

@Suite struct DeadlineListTests {
    private let list = DeadlineList(
        bootID: "b-1", agent: ProcessIdentity(pid: 12, startTime: 34),
        sessions: [
            SessionDeadline(id: "s-aaaaaaaaaaaaaaaa", endsBoot: 5, auditSession: 42, uid: 1_879_048_192),
            SessionDeadline(id: "s-bbbbbbbbbbbbbbbb", endsBoot: 6, auditSession: .max, uid: nil),
        ])

    @Test func whatIsWrittenIsRead() {
        #expect(DeadlineList(list.text) == list)
        let empty = DeadlineList(bootID: "b", agent: list.agent, sessions: [])
        #expect(DeadlineList(empty.text) == empty)
    }

    @Test(arguments: [
        ("usher-deadlines 1", "usher-deadlines 2"), ("agent 12 34", "agent 12"), ("agent 12", "agent -1"),
        ("s-aaaaaaaaaaaaaaaa", "s-aaaaaaaaaaaaaaa/"), ("s-aaaaaaaaaaaaaaaa", "../../../aaaaaaaa"),
        (" 1879048192", " 0"), (" 1879048192", " 1000"), (" 42 ", " 99999999999 "), (" 5 ", " -5 "), (" -\n", "\n"),
        (" -\n", " - \n"), (" -\n", " -"), ("session s-b", "\nsession s-b"),
    ])
    func anythingElseIsRefused(part: String, other: String) {
        let text = list.text.replacing(part, with: other)
        #expect(text != list.text && DeadlineList(text) == nil)
    }
}

@Suite struct HostStateTests {
    @Test func onlySystemdsOwnWordIsAShutdown() {
        #expect(HostState.saysStopping(Array("stopping\n".utf8)))
        for word in ["running\n", "degraded\n", "maintenance\n", "stopping", "", "offline\n"] {
            #expect(!HostState.saysStopping(Array(word.utf8)))
        }
    }
}
