internal import ArgumentParser
internal import UsherClient
internal import UsherWire

struct OutputOptions: ParsableArguments {
    @Flag(help: "Print JSON; times are seconds since 1970-01-01 UTC.")
    var json = false
}

struct AgentOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The session agent's control socket.", valueName: "path"))
    var socket = "\(Paths.controlSocket)"

    var client: ControlClient { ControlClient(socket: socket) }
}

struct RootOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Work on the host whose file system is mounted here, such as an image being built; its agent is not asked.",
            valueName: "directory"))
    var root: String?

    /// Nothing but this host's own agent may be asked about this host's files.
    var isThisHost: Bool { root == nil }

    /// A path of the host that is worked on.
    func path(_ path: String) -> String {
        guard let root else { return path }
        return root.hasSuffix("/") ? root.dropLast() + path : root + path
    }
}
