internal import ArgumentParser

struct HostCommand: Noun {
    static let configuration = CommandConfiguration(
        commandName: "host",
        abstract: "Enrol this host and show what it is.",
        subcommands: [HostEnrol.self, HostShow.self])
}
