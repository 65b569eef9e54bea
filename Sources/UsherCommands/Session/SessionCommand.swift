internal import ArgumentParser

struct SessionCommand: Noun {
    static let configuration = CommandConfiguration(
        commandName: "session",
        abstract: "See, extend and end sessions, and show what their ends removed.",
        subcommands: [
            SessionList.self, SessionShow.self, SessionExtend.self, SessionEnd.self, SessionReceipt.self,
        ])
}
