/// Which accounts a role or a trust entry opens.
public enum AccountSelector: Hashable, Sendable, CustomStringConvertible {
    /// Every name of the ephemeral form.
    case ephemeral
    /// One account of the host's own.
    case existing(String)

    /// `ephemeral`, or the name of an existing account.
    public init(_ text: String) {
        self = text == "ephemeral" ? .ephemeral : .existing(text)
    }

    public var description: String {
        switch self {
        case .ephemeral: "ephemeral"
        case .existing(let name): name
        }
    }
}

/// What a role can require of a ticket.
public enum Requirement: String, CaseIterable, Sendable {
    case approval, change, source, key
}

/// What keeps a session from being idle.
public enum IdleCounts: String, CaseIterable, Sendable {
    /// What is typed on its terminals.
    case input
    /// That, and what its processes do.
    case io
}

/// What becomes of a session of which evidence may be missing.
public enum OnGap: String, CaseIterable, Sendable {
    /// Its timeline says so.
    case mark
    /// That, and it ends.
    case end
}

/// An entitlement set that the host defines and a ticket names.
public struct Role: Equatable, Sendable {
    public var name: String
    public var accounts: [AccountSelector]
    /// Groups the session has beside its own.
    public var groups: [String]
    /// Longest session in seconds.
    public var maxDuration: Int64
    /// Seconds without activity after which the session ends; nil for no limit.
    public var idleTimeout: Int64?
    public var idleCounts: IdleCounts
    /// PAM services through which the role can be used.
    public var services: [String]
    public var require: Set<Requirement>
    /// Says that the role may name root-equivalent accounts and groups.
    public var privileged: Bool
    /// The shell that usher-shell execs for an ephemeral account.
    public var shell: String
    public var onGap: OnGap

    public init(
        name: String, accounts: [AccountSelector] = [.ephemeral], groups: [String] = [], maxDuration: Int64,
        idleTimeout: Int64? = nil, idleCounts: IdleCounts = .input, services: [String] = ["sshd"],
        require: Set<Requirement> = [], privileged: Bool = false, shell: String = "/bin/bash",
        onGap: OnGap = .mark
    ) {
        self.name = name
        self.accounts = accounts
        self.groups = groups
        self.maxDuration = maxDuration
        self.idleTimeout = idleTimeout
        self.idleCounts = idleCounts
        self.services = services
        self.require = require
        self.privileged = privileged
        self.shell = shell
        self.onGap = onGap
    }
}

/// What gives root, or everybody's secrets, in one step: only a role marked `privileged` may name it.
public enum RootEquivalent {
    /// Each group with the reason, which a diagnostic shows.
    public static let groups: [String: String] = [
        "root": "owns files that root executes",
        "sudo": "Debian's sudoers gives it every command",
        "wheel": "other distributions' sudoers and su give it every command",
        "admin": "older sudoers files give it every command",
        "adm": "reads the system's logs and the secrets in them",
        "systemd-journal": "reads the whole journal and the secrets in it",
        "docker": "starts containers that mount the host's root",
        "lxd": "starts containers that mount the host's root",
        "incus-admin": "starts containers that mount the host's root",
        "libvirt": "starts virtual machines on the host's disks",
        "disk": "reads and writes raw disks",
        "shadow": "reads password hashes",
        "kmem": "reads kernel memory",
        "sys": "owns devices on some systems",
        "staff": "writes /usr/local, whose programs root runs",
        "src": "writes /usr/src, which root compiles",
        "tty": "writes to other users' terminals",
        "input": "reads every keystroke",
        "backup": "owns backups of /etc, password hashes among them",
        "usher-admin": "ends sessions and reads evidence through the agent",
    ]

    /// Why a group gives root, or nil.
    public static func reason(group: String) -> String? { groups[group] }

    /// Why an account gives root, or nil. Other names of uid 0 are the agent's to find.
    public static func reason(account: String) -> String? {
        account == "root" || account == "toor" ? "is root" : nil
    }
}
