/// A rule that found what it looks for.
public struct DetectionFinding: Sendable, Equatable {
    public var rule: DetectionRule
    public var session: String
    /// Of the event that made it so, milliseconds since 1970-01-01 UTC.
    public var milliseconds: Int64
    /// How many events the rule counted for it.
    public var count: Int

    public init(rule: DetectionRule, session: String, milliseconds: Int64, count: Int) {
        self.rule = rule
        self.session = session
        self.milliseconds = milliseconds
        self.count = count
    }
}

/// Looks at events one after the other. Time is the events' own, so that a replay finds what was found live. What it
/// remembers is bounded: a counter of 32 parts for each rule and session, and 8192 of those.
public struct DetectionEngine: Sendable {
    private static let remembered = 8192

    private struct Key: Hashable {
        var rule: Int
        var session: String
    }

    private struct Memory {
        var counter = SlidingCounter()
        var quietUntil = Int64.min
        var lastSeen = Int64.min
        /// The session's own user has run something: what came before was PAM's, with root's rights.
        var userWasSeen = false
        /// Rights came through one of the doors.
        var doorWasPassed = false
    }

    public let rules: [DetectionRule]
    private var memories: [Key: Memory] = [:]

    public init(_ rules: [DetectionRule]) {
        self.rules = rules
    }

    /// What is found with this event, in the order of the rules; nothing with one that is no session's.
    public mutating func look(_ event: DetectionEvent) -> [DetectionFinding] {
        guard let session = event.session else { return [] }
        var findings: [DetectionFinding] = []
        for index in rules.indices {
            let rule = rules[index]
            guard rule.matches(event) else { continue }
            let key = Key(rule: index, session: session)
            var memory = memories[key] ?? Memory()
            let hit = Self.isHit(rule, event, &memory)
            memory.lastSeen = event.milliseconds
            var found: DetectionFinding?
            if hit, event.milliseconds >= memory.quietUntil {
                let count = memory.counter.add(event.milliseconds, window: rule.within * 1000)
                if count >= rule.count {
                    found = DetectionFinding(
                        rule: rule, session: session, milliseconds: event.milliseconds, count: count)
                    memory.quietUntil = event.milliseconds + rule.quiet * 1000
                    memory.counter = SlidingCounter()
                }
            }
            memories[key] = memory
            if let found { findings.append(found) }
        }
        if memories.count > Self.remembered { forgetOldest() }
        return findings
    }

    private static func isHit(_ rule: DetectionRule, _ event: DetectionEvent, _ memory: inout Memory) -> Bool {
        guard rule.on.contains(.privilegeGain) else { return true }
        let gained = isGain(rule, event, &memory)
        return gained || rule.on.contains { $0 != .privilegeGain && $0.holds(event) }
    }

    /// Whether a process of a session has root's rights that came through no door. Two ways are seen: a set-uid program
    /// that is none (uid is the caller's, euid is root's), and one that is root altogether in a session whose user has
    /// run something before and went through no door (an exploit, a program with capabilities).
    private static func isGain(_ rule: DetectionRule, _ event: DetectionEvent, _ memory: inout Memory) -> Bool {
        guard event.auid != 0, event.succeeded != false else { return false }
        let isDoor = Glob.any(rule.doors, match: event.program)
        if event.kind == "privilege" {
            // What the door's program says once it has let somebody through; its own system calls come before that.
            if isDoor, event.record == "USER_CMD" || event.record == "USER_START" { memory.doorWasPassed = true }
            // setuid(0) and its like; of what else PAM says, nothing is a gain.
            guard event.record == "SYSCALL", !isDoor else { return false }
        }
        guard let uid = event.uid, let effective = event.effectiveUID else { return false }
        if effective != 0 {
            if uid != 0 { memory.userWasSeen = true }
            return false
        }
        if uid != 0 { return !isDoor }
        return memory.userWasSeen && !memory.doorWasPassed && !event.isByLeader
    }

    private mutating func forgetOldest() {
        let times = memories.values.map(\.lastSeen).sorted()
        let middle = times[times.count / 2]
        memories = memories.filter { $0.value.lastSeen > middle }
    }
}

/// Counts what happened within a window that ends now, to a 32nd part of it.
struct SlidingCounter: Sendable {
    private static let parts = 32

    private var counts: [Int] = []
    /// Number of the part that `counts` ends with.
    private var latest: Int64 = 0

    /// Counts one, and says how many there are; time may go back a little, as events of several processors do.
    mutating func add(_ milliseconds: Int64, window: Int64) -> Int {
        let width = max(1, window / Int64(Self.parts))
        let part = milliseconds / width
        if counts.isEmpty {
            counts = [Int](repeating: 0, count: Self.parts)
            latest = part
        }
        if part > latest {
            let steps = Int(min(part - latest, Int64(Self.parts)))
            counts.removeFirst(steps)
            counts += [Int](repeating: 0, count: steps)
            latest = part
        }
        let place = Self.parts - 1 - Int(min(latest - part, Int64(Self.parts - 1)))
        counts[place] += 1
        return counts.reduce(0, +)
    }
}
