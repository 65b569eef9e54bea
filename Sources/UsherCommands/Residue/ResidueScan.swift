internal import ArgumentParser
internal import UsherClient
internal import UsherWire

struct ResidueScan: Verb {
    static let configuration = CommandConfiguration(
        commandName: "scan",
        abstract: "Search the local file systems for files of ended sessions.",
        discussion: """
            The session agent searches, by itself some time after sessions have ended (`residue_scan_interval` in \
            usherd.toml), and now. Every local file system that can be written is walked once; network and FUSE file \
            systems are not. With --path only what is below the directory, on its own mount; a uid is freed only by a \
            search of everything.

            EXAMPLES
              usher residue scan
              usher residue scan --path /srv --path /opt --json
            """)

    @Option(help: ArgumentHelp("Search below this directory only (repeatable).", valueName: "directory"))
    var path: [String] = []

    @OptionGroup var output: OutputOptions
    @OptionGroup var agent: AgentOptions

    func validate() throws {
        guard path.allSatisfy({ $0.hasPrefix("/") }) else { throw ValidationError("--path must begin with /") }
    }

    func perform(_ console: Console) throws {
        let job = try ResidueProgress.wait(try agent.client.scanResidue(paths: path), agent.client, console)
        let residue = try agent.client.residue()
        if output.json {
            try console.write(
                JSONText.line(
                    .record([
                        "entries": .integer(job.entries), "complete": .boolean(job.complete),
                        "uids": .integer(job.uids),
                        "found": .integer(job.found), "residue": .array(residue.map { .object($0.wire) }),
                    ])))
        } else if residue.isEmpty {
            try console.print("nothing left\n")
        } else {
            try console.print(ResidueReport.table(residue, all: false, clock: console.clock).text(style: console.style))
        }
        for problem in job.problems { console.notify("usher: not seen: \(Printable.line(problem))\n") }
    }
}
