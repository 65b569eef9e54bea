internal import ArgumentParser
internal import UsherEvidence

struct EvidenceCommand: Noun {
    static let configuration = CommandConfiguration(
        commandName: "evidence",
        abstract: "Verify the evidence log, hand it on, and package the evidence of a session.",
        discussion: """
            The log is read as it stands in /var/log/usher, by root and the group usher-soc; the agent is not asked.
            """,
        subcommands: [
            EvidenceVerify.self, EvidencePackageCommand.self, EvidenceAnchorCommand.self, EvidenceExport.self,
        ])
}

struct LogOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The evidence log: its directory, or one of its files.", valueName: "path"))
    var log = EvidenceFiles.directory
}
