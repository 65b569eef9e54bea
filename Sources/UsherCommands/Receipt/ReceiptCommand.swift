internal import ArgumentParser

struct ReceiptCommand: Noun {
    static let configuration = CommandConfiguration(
        commandName: "receipt",
        abstract: "Verify the receipts of sessions, anywhere.",
        subcommands: [ReceiptVerify.self])
}
