public import UsherTicket

/// What to look for in the evidence of sessions, and what to do when it is found. All conditions that a rule gives must
/// hold; of a list, one.
public struct DetectionRule: Sendable, Equatable {
    /// What kind of thing happened.
    public enum Trigger: String, CaseIterable, Sendable {
        /// A program was started, or could not be.
        case exec
        /// Root's rights came from something else than one of `doors`.
        case privilegeGain = "privilege-gain"
        /// A login or an authentication, as PAM tells it.
        case authentication
        case file
        /// A file of another session: below its home, or owned by its account.
        case foreignFile = "foreign-file"
        case connect, listen, accept
        /// Accounts and groups of the host were changed.
        case account
        /// The kernel's audit or auditd was reconfigured or stopped.
        case audit
        /// A process took another loginuid, and left its session with it.
        case loginuid
        /// The agent refused what a caller inside a session asked of it.
        case control
        /// A signal, or a process that was traced.
        case signal
        /// Evidence may be missing.
        case gap
        /// Anything, for volume.
        case any
    }

    /// How a file was used.
    public enum Access: String, CaseIterable, Sendable {
        case read, write
    }

    public enum Result: String, CaseIterable, Sendable {
        case success, failure
    }

    /// As OCSF has it.
    public enum Severity: String, CaseIterable, Sendable {
        case informational, low, medium, high, critical
    }

    /// Every match is a finding in the evidence; these come on top of it.
    public enum Action: String, CaseIterable, Sendable {
        /// Nothing more.
        case note
        /// A line on the session's terminals.
        case warn
        /// A line in the journal.
        case alert
        /// The session ends.
        case end
    }

    public var name: String
    public var summary: String
    public var severity: Severity
    public var on: Set<Trigger>
    /// Paths of programs.
    public var programs: [Glob]
    public var exceptPrograms: [Glob]
    /// Over the arguments, joined by blanks.
    public var commands: [Glob]
    public var paths: [Glob]
    public var access: Set<Access>
    public var networks: [AddressRange]
    public var exceptNetworks: [AddressRange]
    public var ports: Set<UInt16>
    public var result: Result?
    /// Programs through which root's rights may come.
    public var doors: [Glob]
    public var roles: Set<String>
    public var exceptRoles: Set<String>
    /// How often within how many seconds, in one session.
    public var count: Int
    public var within: Int64
    /// Seconds for which a session is not looked at again by this rule after a finding.
    public var quiet: Int64
    public var actions: Set<Action>

    public init(
        name: String, summary: String, severity: Severity = .medium, on: Set<Trigger>, programs: [Glob] = [],
        exceptPrograms: [Glob] = [],
        commands: [Glob] = [], paths: [Glob] = [], access: Set<Access> = [], networks: [AddressRange] = [],
        exceptNetworks: [AddressRange] = [], ports: Set<UInt16> = [], result: Result? = nil, doors: [Glob] = [],
        roles: Set<String> = [], exceptRoles: Set<String> = [], count: Int = 1, within: Int64 = 60, quiet: Int64 = 10,
        actions: Set<Action> = [.note]
    ) {
        self.name = name
        self.summary = summary
        self.severity = severity
        self.on = on
        self.programs = programs
        self.exceptPrograms = exceptPrograms
        self.commands = commands
        self.paths = paths
        self.access = access
        self.networks = networks
        self.exceptNetworks = exceptNetworks
        self.ports = ports
        self.result = result
        self.doors = doors
        self.roles = roles
        self.exceptRoles = exceptRoles
        self.count = count
        self.within = within
        self.quiet = quiet
        self.actions = actions
    }

    /// Whether an event is one that the rule counts; privilege gain is the engine's to know, as it needs a memory.
    func matches(_ event: DetectionEvent) -> Bool {
        guard on.contains(where: { $0.holds(event) }) else { return false }
        if !roles.isEmpty, !(event.role.map { roles.contains($0) } ?? false) { return false }
        if let role = event.role, exceptRoles.contains(role) { return false }
        if let result, event.succeeded != (result == .success) { return false }
        if !programs.isEmpty, !Glob.any(programs, match: event.program) { return false }
        if Glob.any(exceptPrograms, match: event.program) { return false }
        if !commands.isEmpty, !Glob.any(commands, match: event.command) { return false }
        if !paths.isEmpty, !Glob.any(paths, match: event.path) { return false }
        if !access.isEmpty, !(event.access.map { access.contains($0) } ?? false) { return false }
        if !ports.isEmpty, !(event.port.map { ports.contains($0) } ?? false) { return false }
        if !networks.isEmpty || !exceptNetworks.isEmpty {
            guard let address = event.address else { return false }
            if !networks.isEmpty, !networks.contains(where: { $0.contains(address) }) { return false }
            if exceptNetworks.contains(where: { $0.contains(address) }) { return false }
        }
        return true
    }
}

extension DetectionRule.Trigger {
    func holds(_ event: DetectionEvent) -> Bool {
        switch self {
        case .exec: event.kind == "exec"
        case .privilegeGain: event.kind == "exec" || event.kind == "privilege"
        case .authentication: event.kind == "authentication" || event.kind == "login"
        case .file: event.kind == "file"
        case .foreignFile: event.kind == "file" && event.isForeignFile
        case .connect: event.kind == "connect"
        case .listen: event.kind == "listen"
        case .accept: event.kind == "accept"
        case .account: event.kind == "account"
        case .audit: event.kind == "audit-config"
        case .loginuid: event.kind == "loginuid"
        case .control: event.kind == "control"
        case .signal: event.kind == "signal"
        case .gap: event.kind == "gap"
        case .any: event.kind != "detection"
        }
    }
}
