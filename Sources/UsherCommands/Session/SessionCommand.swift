internal import ArgumentParser

struct SessionCommand: Noun {
    static let configuration = CommandConfiguration(
        commandName: "session",
        abstract: "See and end sessions.",
        subcommands: [SessionList.self, SessionShow.self, SessionEnd.self])
}
