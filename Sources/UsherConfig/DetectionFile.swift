public import UsherPolicy
internal import UsherTicket

/// `/etc/usher/detect.d/NAME.toml`, checked: one rule of detection.
public struct DetectionFile: Equatable, Sendable {
    public var rule: DetectionRule
    let source: SourceText

    /// The rule of a file, or every mistake in it. The rule's name is the file's without `.toml`.
    public static func parse(file: String, text: String) throws(ConfigurationError) -> DetectionFile {
        var reader = try TableReader(file: file, text: text)
        let summary = reader.read(Keys.summary)
        let severity = reader.read(Keys.severity)
        let on = reader.read(Keys.on)
        let programs = reader.read(Keys.programs)
        let exceptPrograms = reader.read(Keys.exceptPrograms)
        let commands = reader.read(Keys.commands)
        let paths = reader.read(Keys.paths)
        let access = reader.read(Keys.access)
        let networks = reader.read(Keys.networks)
        let exceptNetworks = reader.read(Keys.exceptNetworks)
        let ports = reader.read(Keys.ports)
        let result = reader.read(Keys.result)
        let doors = reader.read(Keys.doors)
        let roles = reader.read(Keys.roles)
        let exceptRoles = reader.read(Keys.exceptRoles)
        let count = reader.read(Keys.count)
        let within = reader.read(Keys.within)
        let quiet = reader.read(Keys.quiet)
        let actions = reader.read(Keys.actions)
        let name = FileName.entry(of: file)
        if name.map({ Rule.roleName.accepts($0) }) != true {
            reader.report("the file's name is not \(Rule.roleName.form), and .toml")
        }
        if let on { checkConditions(&reader, Set(on.compactMap { DetectionRule.Trigger(rawValue: $0) })) }
        if let count, count == 1, reader.has(Keys.within.name) {
            reader.report("\(Keys.within.name) says nothing without a \(Keys.count.name)", at: Keys.within.name)
        }
        try reader.finish()
        guard let summary, let severity = severity.flatMap({ DetectionRule.Severity(rawValue: $0) }), let on,
            let programs, let exceptPrograms, let commands, let paths, let access, let networks, let exceptNetworks,
            let ports, let result,
            let doors, let roles, let exceptRoles, let count, let within, let quiet, let actions, let name
        else { throw ConfigurationError(diagnostics: reader.diagnostics) }
        let rule = DetectionRule(
            name: name, summary: summary, severity: severity,
            on: Set(on.compactMap { DetectionRule.Trigger(rawValue: $0) }), programs: programs.map { Glob($0) },
            exceptPrograms: exceptPrograms.map { Glob($0) },
            commands: commands.map { Glob($0) }, paths: paths.map { Glob($0) },
            access: Set(access.compactMap { DetectionRule.Access(rawValue: $0) }),
            networks: networks.compactMap { AddressRange($0) },
            exceptNetworks: exceptNetworks.compactMap { AddressRange($0) },
            ports: Set(ports.compactMap { UInt16(exactly: $0) }),
            result: result.flatMap { DetectionRule.Result(rawValue: $0) }, doors: doors.map { Glob($0) },
            roles: Set(roles), exceptRoles: Set(exceptRoles), count: Int(count), within: within, quiet: quiet,
            actions: Set(actions.compactMap { DetectionRule.Action(rawValue: $0) }))
        return DetectionFile(rule: rule, source: reader.source)
    }

    /// A condition that nothing of what the rule looks at can meet would keep it silent for ever.
    private static func checkConditions(_ reader: inout TableReader, _ on: Set<DetectionRule.Trigger>) {
        let needs: [(String, Set<DetectionRule.Trigger>)] = [
            (Keys.programs.name, Set(DetectionRule.Trigger.allCases).subtracting([.gap, .control, .privilegeGain])),
            (
                Keys.exceptPrograms.name,
                Set(DetectionRule.Trigger.allCases).subtracting([.gap, .control, .privilegeGain])
            ),
            (Keys.commands.name, [.exec, .any]),
            (Keys.paths.name, [.file, .foreignFile]), (Keys.access.name, [.file, .foreignFile]),
            (Keys.networks.name, [.connect, .listen, .accept]), (Keys.exceptNetworks.name, [.connect, .accept]),
            (Keys.ports.name, [.connect, .listen, .accept]), (Keys.doors.name, [.privilegeGain]),
        ]
        for (key, triggers) in needs where reader.has(key) && !on.isSubset(of: triggers) {
            let words = on.subtracting(triggers).map(\.rawValue).sorted().joined(separator: ", ")
            reader.report("\(key) cannot be met by \(words)", at: key)
        }
        if on.contains(.privilegeGain), reader.has(Keys.result.name) {
            reader.report("\(Keys.result.name) cannot be met by privilege-gain, which succeeded", at: Keys.result.name)
        }
        if on.contains(.privilegeGain), !reader.has(Keys.doors.name) {
            reader.report("privilege-gain needs \(Keys.doors.name): the programs through which rights may come")
        }
    }

    enum Keys {
        static let summary = Key.text("summary", .sentence, "What it means, for who reads the alert.")
        static let severity = Key.text(
            "severity", .choice(DetectionRule.Severity.allCases.map(\.rawValue)), fallback: "medium", "As OCSF has it.")
        static let on = Key.list(
            "on", of: .choice(DetectionRule.Trigger.allCases.map(\.rawValue)), counts: 1...8,
            "What kind of thing happened: see below.")
        static let programs = Key.list(
            "program", of: .glob, counts: 0...64, fallback: [], "Path of the program that did it.")
        static let exceptPrograms = Key.list(
            "except_program", of: .glob, counts: 0...64, fallback: [], "Programs that may do it.")
        static let commands = Key.list(
            "command", of: .glob, counts: 0...64, fallback: [],
            "Its arguments, joined by blanks, its name first; secrets in them are masked.")
        static let paths = Key.list("path", of: .glob, counts: 0...64, fallback: [], "The file.")
        static let access = Key.list(
            "access", of: .choice(DetectionRule.Access.allCases.map(\.rawValue)), counts: 0...2, fallback: [],
            "How the file was used; `write` is everything that changes it, its name or its rights.")
        static let networks = Key.list(
            "network", of: .network, counts: 0...64, fallback: [], "Where the other end of a connection is.")
        static let exceptNetworks = Key.list(
            "except_network", of: .network, counts: 0...64, fallback: [], "Where it is not.")
        static let ports = Key.integers("port", 1...65_535, "(TCP or UDP)", counts: 0...64, fallback: [], "Its port.")
        static let result = Key<String?>.optionalText(
            "result", .choice(DetectionRule.Result.allCases.map(\.rawValue)), absent: "either",
            "Whether it succeeded.")
        static let doors = Key.list(
            "doors", of: .glob, counts: 0...64, fallback: [],
            "Of `privilege-gain`: set-uid programs, and those whose PAM sessions give rights on purpose.")
        static let roles = Key.list(
            "role", of: .roleName, counts: 0...64, fallback: [], "Sessions of these roles alone.")
        static let exceptRoles = Key.list(
            "except_role", of: .roleName, counts: 0...64, fallback: [], "Not sessions of these roles.")
        static let count = Key.integer(
            "count", 1...1_000_000, "events", fallback: 1, "How many of them, in one session, `within` so many seconds."
        )
        static let within = Key.integer("within", 1...86_400, "seconds", fallback: 60, "See `count`; to a 32nd part.")
        static let quiet = Key.integer(
            "quiet", 0...86_400, "seconds", fallback: 10,
            "For how long after a finding the rule does not look at that session.")
        static let actions = Key.list(
            "action", of: .choice(DetectionRule.Action.allCases.map(\.rawValue)), counts: 1...4, fallback: ["note"],
            "Every finding is a line in the evidence. `warn` tells the session on its terminals, `alert` the journal, "
                + "`end` ends the session; `note` does nothing more.")

        static let all = [
            summary.description, severity.description, on.description, programs.description,
            exceptPrograms.description, commands.description,
            paths.description, access.description, networks.description, exceptNetworks.description,
            ports.description, result.description, doors.description, roles.description, exceptRoles.description,
            count.description, within.description, quiet.description, actions.description,
        ]
    }
}
