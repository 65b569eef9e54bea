internal import ArgumentParser

struct DetectCommand: Noun {
    static let configuration = CommandConfiguration(
        commandName: "detect",
        abstract: "See, check and try the rules that watch over sessions.",
        subcommands: [DetectList.self, DetectCheck.self, DetectTest.self])
}
