internal import ArgumentParser
internal import UsherAgent
internal import UsherWire

/// The session agent's command line.
struct Usherd: ServiceVerb {
    static let configuration = CommandConfiguration(
        commandName: "usherd",
        abstract: "The session agent: admits tickets, seats operators, ends sessions.",
        discussion: """
            Runs in the foreground as root and logs to standard error; systemd, or whatever starts it, takes it from there.

            EXIT STATUS
              0  stopped as asked; or with --check: the configuration is right
              1  it failed, or the configuration is wrong; the reason is on standard error
              2  the command line is wrong
            """,
        version: "usherd \(Version.current)")

    @Option(help: ArgumentHelp("The configuration file; trust.d and roles.d are beside it.", valueName: "file"))
    var config = "\(Paths.configuration)/usherd.toml"

    @Flag(help: "Check the configuration, trust entries and roles, say what is wrong, and start nothing.")
    var check = false

    func validate() throws {
        guard watchdog == nil || !check else { throw ValidationError("--check and --watchdog exclude each other") }
    }

    @Option(
        help: ArgumentHelp(
            "Only end sessions that this agent leaves past their deadline; the agent starts this itself.",
            valueName: "pid:start"))
    var watchdog: String?

    func perform(_ console: Console) async throws {
        if let watchdog { return try Watchdog.run(agent: watchdog) }
        guard check else { return try await Agent.run(configurationPath: config) }
        let report = HostFilesReport(configurationPath: config)
        DiagnosticReport.show(report.diagnostics, console)
        guard report.errors.isEmpty else {
            throw Failure("the configuration has \(counted(report.errors.count, "mistake"))")
        }
        let files = try HostFiles(report)
        let trust = counted(files.trust.count, "trust entry", plural: "trust entries")
        try console.print("host \(files.hostID): \(trust), \(counted(files.roles.count, "role")), no mistakes\n")
    }
}
