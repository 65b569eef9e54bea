/// What one step of a teardown did. Steps are idempotent: one that was interrupted by a crash is done again, and what
/// it then removes is added to what stood before.
public struct TeardownStep: Sendable, Equatable {
    /// The steps, in the order in which they are done. The raw value stands in rows and receipts.
    public enum Name: String, Sendable, CaseIterable {
        /// No new process can enter, and those there are stand still.
        case freeze
        /// Every process of the session but its leader is dead.
        case processes
        /// The leader has closed its session, or was made to end.
        case leader
        /// cron and at jobs, linger flags, user managers: what would start a process later. Before the passes that
        /// must find nothing, so that nothing can start behind them.
        case jobs
        /// Two passes in a row over all processes found none of the session.
        case noProcesses = "no processes"
        /// System V and POSIX objects, kernel keyrings, and the proof that no socket is open.
        case interprocess
        /// Files in the directories that every account can write, and in the spools.
        case files
        case cgroup
        case home
        case account
        /// The end of the account stands in the kernel's audit stream.
        case audit
    }

    public var name: Name
    /// How long the step took over all its attempts, microseconds.
    public var microseconds: Int64
    /// How often it had to be tried.
    public var attempts: Int
    /// What the step removed, ended or emptied.
    public var removed: [Finding]
    /// What it found and had to leave.
    public var left: [Finding]
    /// Why there was nothing for it to do, where that is not plain: an account of the host is not touched.
    public var skipped: String?

    public init(
        name: Name, microseconds: Int64 = 0, attempts: Int = 1, removed: [Finding] = [], left: [Finding] = [],
        skipped: String? = nil
    ) {
        self.name = name
        self.microseconds = microseconds
        self.attempts = attempts
        self.removed = removed
        self.left = left
        self.skipped = skipped
    }
}

/// A thing that belonged to a session.
public struct Finding: Sendable, Equatable {
    /// One word of the kind: `process`, `file`, `directory`, `message-queue`, `shared-memory`, `semaphore`, `keyring`,
    /// `cron-job`, `at-job`, `mount`, `port` …
    public var kind: String
    /// Which one: a path, a pid with its program, an id. At most 256 bytes, control characters replaced.
    public var what: String
    /// How many of them, when they are not told one by one.
    public var count: Int

    public init(kind: String, what: String, count: Int = 1) {
        self.kind = kind
        self.what = what
        self.count = count
    }
}
