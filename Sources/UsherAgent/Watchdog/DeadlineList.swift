internal import UsherStore
internal import UsherSystem
internal import UsherWire

/// What the watchdog must know to end a session at its deadline when the agent does not.
struct SessionDeadline: Equatable, Sendable {
    var id: String
    /// Boot clock, nanoseconds.
    var endsBoot: Int64
    /// The kernel's `ses`; `Processes.unset` when there is none of this boot.
    var auditSession: UInt32
    /// Of an ephemeral account, whose every process belongs to the session; nil for an existing one.
    var uid: UInt32?

    init(id: String, endsBoot: Int64, auditSession: UInt32, uid: UInt32?) {
        self.id = id
        self.endsBoot = endsBoot
        self.auditSession = auditSession
        self.uid = uid
    }

    init(_ session: Session) {
        self.init(
            id: session.id, endsBoot: session.endsBoot, auditSession: session.auditSession,
            uid: session.admission.kind == .ephemeral ? session.admission.uid : nil)
    }
}

/// `/run/usher/watchdog/deadlines`: the agent writes it whole and renames it into place, the watchdog reads it. One line
/// for the form, one for the boot, one for the agent, one a session. What is not exactly so is refused as a whole.
struct DeadlineList: Equatable, Sendable {
    static let directory = "/run/usher/watchdog"
    static let path = "\(directory)/deadlines"
    /// 10,000 sessions, the most that a host may be configured for, of at most 100 bytes.
    static let longest = 1 << 20
    private static let form = "usher-deadlines 1"
    /// No other account's processes may ever be killed for their uid.
    private static let ephemeralUIDs = EphemeralAccount.firstUID...EphemeralAccount.lastUID

    var bootID: String
    var agent: ProcessIdentity
    var sessions: [SessionDeadline]

    var text: String {
        var lines = [Self.form, "boot \(bootID)", "agent \(agent.pid) \(agent.startTime)"]
        for each in sessions {
            let uid = each.uid.map { String($0) } ?? "-"
            lines.append("session \(each.id) \(each.endsBoot) \(each.auditSession) \(uid)")
        }
        return lines.map { $0 + "\n" }.joined()
    }

    init(bootID: String, agent: ProcessIdentity, sessions: [SessionDeadline]) {
        self.bootID = bootID
        self.agent = agent
        self.sessions = sessions
    }

    /// nil when any line is not as `text` writes it.
    init?(_ text: String) {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.popLast() == "", lines.count >= 3, lines[0] == Self.form else { return nil }
        let boot = lines[1].split(separator: " ", omittingEmptySubsequences: false)
        let agent = lines[2].split(separator: " ", omittingEmptySubsequences: false)
        guard boot.count == 2, boot[0] == "boot", agent.count == 3, agent[0] == "agent",
            let pid = Int32(agent[1]), pid > 0, let start = UInt64(agent[2])
        else { return nil }
        var sessions: [SessionDeadline] = []
        for line in lines[3...] {
            let words = line.split(separator: " ", omittingEmptySubsequences: false)
            guard words.count == 5, words[0] == "session", Self.isSessionID(words[1]),
                let endsBoot = Int64(words[2]), endsBoot > 0, let auditSession = UInt32(words[3])
            else { return nil }
            let uid = UInt32(words[4])
            guard words[4] == "-" || uid.map({ Self.ephemeralUIDs.contains($0) }) == true else { return nil }
            sessions.append(
                SessionDeadline(id: String(words[1]), endsBoot: endsBoot, auditSession: auditSession, uid: uid))
        }
        self.init(
            bootID: String(boot[1]), agent: ProcessIdentity(pid: pid, startTime: start), sessions: sessions)
    }

    private static func isSessionID(_ word: Substring) -> Bool {
        word.hasPrefix("s-") && word.utf8.count == 18 && word.utf8.dropFirst(2).allSatisfy { Base32.value($0) != nil }
    }
}
