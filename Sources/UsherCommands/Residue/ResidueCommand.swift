internal import ArgumentParser

struct ResidueCommand: Noun {
    static let configuration = CommandConfiguration(
        commandName: "residue",
        abstract: "Find what ended sessions left on the disks, and settle it.",
        discussion: """
            A uid of which something is left, or that a process has without a session, is in quarantine: no ticket is \
            accepted for it. Adopting or removing the files frees it, and so does a scan that finds them gone.
            """,
        subcommands: [ResidueScan.self, ResidueList.self, ResidueAdopt.self, ResidueRemove.self])
}
