internal import ArgumentParser

struct TicketCommand: Noun {
    static let configuration = CommandConfiguration(
        commandName: "ticket",
        abstract: "Issue tickets with a broker's key and inspect them.",
        subcommands: [TicketIssue.self, TicketInspect.self])
}
