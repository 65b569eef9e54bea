internal import ArgumentParser

struct SessionCommand: Noun {
    static let configuration = CommandConfiguration(
        commandName: "session",
        abstract: "See and end sessions, and show what their ends removed.",
        subcommands: [SessionList.self, SessionShow.self, SessionEnd.self, SessionReceipt.self])
        abstract: "See, extend and end sessions.",
        subcommands: [SessionList.self, SessionShow.self, SessionEnd.self, SessionExtend.self])
}
