public import UsherEvidence

/// `/etc/usher/usherd.toml`, checked. Every key has a default; an empty file is a configuration.
public struct AgentConfiguration: Equatable, Sendable {
    /// From the most to the least talkative.
    public enum LogLevel: String, CaseIterable, Sendable {
        case trace, debug, info, notice, warning, error, critical
    }

    /// Seconds of clock difference tolerated.
    public var skew: Int64
    /// Seconds that an admission waits for its session.
    public var admissionLifetime: Int64
    /// MiB that one ephemeral home holds.
    public var homeSizeMiB: Int64
    /// MiB of all ephemeral homes together.
    public var homesBudgetMiB: Int64
    /// Live sessions.
    public var maxSessions: Int64
    /// Longest session in seconds, whatever the role says.
    public var maxDuration: Int64
    /// Seconds before a session's end at which it is told so.
    public var warnBefore: [Int64]
    /// Seconds before a uid is given again.
    public var uidQuarantine: Int64
    /// Seconds between two scans for files of ended sessions; 0 for none.
    public var residueScanInterval: Int64
    /// Directory copied into every ephemeral home.
    public var skeleton: String
    /// Group that may open the control socket.
    public var controlGroup: String
    public var logLevel: LogLevel
    /// The signed revocation list that the agent watches; nil for none.
    public var revocationList: String?
    /// What becomes of logins while the list is missing or has expired.
    public var revocationMissing: MissingList
    public var evidence: EvidenceSettings

    /// How secrets are told from the other arguments of programs.
    public var maskRules: [MaskRule]

    public enum MissingList: String, CaseIterable, Sendable {
        /// Every ticket is refused.
        case refuse
        /// Tickets are judged without the list, and the journal says so loudly.
        case alarm
    }

    /// The checked value of a file, or every mistake in it. `file` is used in messages only.
    public static func parse(file: String, text: String) throws(ConfigurationError) -> AgentConfiguration {
        var reader = try TableReader(file: file, text: text)
        let skew = reader.read(Keys.skew)
        let admissionLifetime = reader.read(Keys.admissionLifetime)
        let homeSize = reader.read(Keys.homeSize)
        let homesBudget = reader.read(Keys.homesBudget)
        let maxSessions = reader.read(Keys.maxSessions)
        let maxDuration = reader.read(Keys.maxDuration)
        let warnBefore = reader.read(Keys.warnBefore)
        let uidQuarantine = reader.read(Keys.uidQuarantine)
        let residueScanInterval = reader.read(Keys.residueScanInterval)
        let skeleton = reader.read(Keys.skeleton)
        let controlGroup = reader.read(Keys.controlGroup)
        let logLevel = reader.read(Keys.logLevel)
        let revocationList = reader.read(Keys.revocationList)
        let revocationMissing = reader.read(Keys.revocationMissing)
        let mask = reader.read(Keys.mask)
        let maskExcept = reader.read(Keys.maskExcept)
        let evidence = EvidenceSettings(&reader)
        if revocationList == .some(nil), reader.has(Keys.revocationMissing.name) {
            reader.report(
                "\(Keys.revocationMissing.name) says nothing without \(Keys.revocationList.name)",
                at: Keys.revocationMissing.name)
        }
        if let homeSize, let homesBudget, homeSize > homesBudget {
            reader.report(
                "\(Keys.homesBudget.name) is less than one home of \(homeSize) MiB", at: Keys.homesBudget.name)
        }
        try reader.finish()
        guard let skew, let admissionLifetime, let homeSize, let homesBudget, let maxSessions, let maxDuration,
            let warnBefore, let uidQuarantine, let residueScanInterval, let skeleton, let controlGroup, let logLevel,
            let level = LogLevel(rawValue: logLevel), let revocationList, let revocationMissing,
            let mask, let maskExcept, let missing = MissingList(rawValue: revocationMissing), let evidence
        else { throw ConfigurationError(diagnostics: reader.diagnostics) }
        return AgentConfiguration(
            skew: skew, admissionLifetime: admissionLifetime, homeSizeMiB: homeSize, homesBudgetMiB: homesBudget,
            maxSessions: maxSessions, maxDuration: maxDuration, warnBefore: warnBefore, uidQuarantine: uidQuarantine,
            residueScanInterval: residueScanInterval, skeleton: skeleton,
            controlGroup: controlGroup, logLevel: level, revocationList: revocationList, revocationMissing: missing,
            evidence: evidence,
            maskRules: (MaskRule.builtIn + mask.compactMap { MaskRule($0) }).filter {
                !maskExcept.contains($0.description)
            })
    }

    enum Keys {
        static let skew = Key.integer(
            "skew", 0...60, "seconds", fallback: 30,
            "Difference between the broker's clock and this host's that is tolerated on both sides.")
        static let admissionLifetime = Key.integer(
            "admission_lifetime", 5...60, "seconds", fallback: 60,
            "How long a burned ticket waits for the session of its own login process before it lapses.")
        static let homeSize = Key.integer(
            "home_size_mib", 1...65_536, "MiB", fallback: 256, "Size limit of one ephemeral home (a tmpfs).")
        static let homesBudget = Key.integer(
            "homes_budget_mib", 1...16_777_216, "MiB", fallback: 4096,
            "Size limit of all ephemeral homes together; a login beyond it is refused. At least `home_size_mib`.")
        static let maxSessions = Key.integer(
            "max_sessions", 1...10_000, "sessions", fallback: 1000, "Live sessions; a login beyond it is refused.")
        static let maxDuration = Key.integer(
            "max_duration", 60...604_800, "seconds", fallback: 43_200,
            "Upper bound of every session, whatever role and ticket say.")
        static let warnBefore = Key.integers(
            "warn_before", 1...86_400, "seconds", counts: 0...8, fallback: [300, 60],
            "How long before its deadline, or before it has been idle for too long, a session is told so on its terminals."
        )
        static let uidQuarantine = Key.integer(
            "uid_quarantine", 0...315_360_000, "seconds", fallback: 7_776_000,
            "How long a uid is not given again after its session: as long as the audit log is kept.")
        static let residueScanInterval = Key.integer(
            "residue_scan_interval", 0...86_400, "seconds", fallback: 900,
            "How often, after sessions have ended, all local file systems are searched for files of their uids, at low "
                + "priority; 0 for never.")
        static let skeleton = Key.text(
            "skeleton", .path, fallback: "/etc/skel", "Directory copied into every ephemeral home.")
        static let controlGroup = Key.text(
            "control_group", .accountName, fallback: "usher", "Group that may open `/run/usher/control.sock`.")
        static let logLevel = Key.text(
            "log_level", .choice(LogLevel.allCases.map(\.rawValue)), fallback: "info",
            "The least important messages that are logged.")

        static let revocationList = Key<String?>.optionalText(
            "revocation_list", .path, absent: "no list",
            "Signed revocation list that the agent watches (`usher revoke issue`). It must be root's, in a directory of root's."
        )
        static let revocationMissing = Key.text(
            "revocation_missing", .choice(MissingList.allCases.map(\.rawValue)), fallback: "refuse",
            "While the revocation list is missing or has expired: `refuse` every ticket, or sound the `alarm` in the journal and go on."
        )

        static let mask = Key.list(
            "mask", of: .maskRule, counts: 0...64, fallback: [],
            "More secrets that are replaced by `***` in the arguments of programs, before they reach the evidence: see "
                + "below.")
        static let maskExcept = Key.list(
            "mask_except", of: .builtInMaskRule, counts: 0...64, fallback: [],
            "Rules of those that are built in which are not applied.")

        static let all =
            [
                skew.description, admissionLifetime.description, homeSize.description, homesBudget.description,
                maxSessions.description, maxDuration.description, warnBefore.description, uidQuarantine.description,
                residueScanInterval.description, skeleton.description,
                controlGroup.description, logLevel.description,
                revocationList.description, revocationMissing.description, mask.description,
                maskExcept.description,
            ] + EvidenceSettings.Keys.all
    }
}
