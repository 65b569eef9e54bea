internal import ArgumentParser

struct KeyCommand: Noun {
    static let configuration = CommandConfiguration(
        commandName: "key",
        abstract: "Make broker keys, show them, and trust them on this host.",
        subcommands: [KeyNew.self, KeyShow.self, KeyTrust.self])
}
