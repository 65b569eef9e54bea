import Testing
import UsherPolicy
import UsherWire

@Suite struct DetectionEngineTests {
    private func event(_ milliseconds: Int64, session: String? = "s-a", kind: String = "exec", role: String = "dba")
        -> DetectionEvent
    {
        var details = JSONObject()
        details.members.append(.init(name: Array("role".utf8), value: .string(Array(role.utf8))))
        return DetectionEvent(
            milliseconds: milliseconds, session: session, kind: kind, activity: 1, attributes: JSONObject(),
            details: details)
    }

    private func times(_ rule: DetectionRule, _ events: [DetectionEvent]) -> [Int64] {
        var engine = DetectionEngine([rule])
        return events.flatMap { engine.look($0) }.map(\.milliseconds)
    }

    @Test func whatIsFoundIsQuietForAWhile() {
        let rule = DetectionRule(name: "r", summary: "s", on: [.exec], quiet: 10)
        let events = stride(from: Int64(0), through: 30_000, by: 1_000).map { event($0) }
        #expect(times(rule, events) == [0, 10_000, 20_000, 30_000])
    }

    @Test func aCountStartsAnewAfterItWasReached() {
        let rule = DetectionRule(name: "r", summary: "s", on: [.exec], count: 5, within: 60, quiet: 0)
        #expect(times(rule, (1...12).map { event($0 * 1000) }) == [5000, 10_000])
    }

    @Test func aWindowForgets() {
        let rule = DetectionRule(name: "r", summary: "s", on: [.exec], count: 3, within: 32, quiet: 0)
        #expect(times(rule, [0, 20_000, 40_000, 60_000].map { event($0) }).isEmpty)
        #expect(times(rule, [0, 20_000, 31_000].map { event($0) }) == [31_000])
        // Events of several processors come a little out of order.
        #expect(times(rule, [31_000, 30_500, 29_000].map { event($0) }) == [29_000])
        #expect(times(rule, [31_000, 0, 30_000].map { event($0) }) == [30_000])
    }

    @Test func rolesNarrowARule() {
        let only = DetectionRule(name: "r", summary: "s", on: [.exec], roles: ["dba"])
        let but = DetectionRule(name: "r", summary: "s", on: [.exec], exceptRoles: ["dba"])
        #expect(times(only, [event(1, role: "dba")]) == [1] && times(only, [event(1, role: "operator")]).isEmpty)
        #expect(times(but, [event(1, role: "dba")]).isEmpty && times(but, [event(1, role: "operator")]) == [1])
    }

    @Test func whatIsNoSessionsIsNotLookedAt() {
        #expect(times(DetectionRule(name: "r", summary: "s", on: [.any]), [event(1, session: nil)]).isEmpty)
    }

    @Test func findingsFindNothing() {
        #expect(times(DetectionRule(name: "r", summary: "s", on: [.any]), [event(1, kind: "detection")]).isEmpty)
    }

    /// More sessions than are remembered: those seen last keep their counts.
    @Test func memoryIsBounded() {
        let rule = DetectionRule(name: "r", summary: "s", on: [.exec], count: 2, within: 3600, quiet: 0)
        var engine = DetectionEngine([rule])
        for number in 0..<20_000 { #expect(engine.look(event(Int64(number), session: "s-\(number)")).isEmpty) }
        #expect(engine.look(event(20_000, session: "s-19999")).count == 1)
        #expect(engine.look(event(20_001, session: "s-0")).isEmpty)
    }

    @Test(arguments: [
        ("/etc/*", "/etc/pam.d/x", true), ("/etc/*", "/et", false), ("*", "", true), ("", "", true), ("", "x", false),
        ("?", "x", true), ("?", "", false), ("*a*b*", "xxaxxb", true), ("*a*b*", "xxbxxa", false), ("a**b", "ab", true),
        ("*kill* auditd", "pkill -9 auditd", true), ("*kill* auditd", "pkill auditd-x", false),
    ])
    func patternsAreOverTheWholeText(pattern: String, text: String, matches: Bool) {
        #expect(Glob(pattern).matches(Array(text.utf8)) == matches)
    }
}
