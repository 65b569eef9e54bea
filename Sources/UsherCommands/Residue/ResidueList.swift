internal import ArgumentParser
internal import UsherClient
internal import UsherWire

struct ResidueList: Verb {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the uids in quarantine, and what is left of each.",
        discussion: """
            EXAMPLES
              usher residue list
              usher residue list --uid 1954321987
              usher residue list --all --json
            """)

    @Flag(help: "Also what was adopted, removed or found gone.")
    var all = false

    @Option(help: ArgumentHelp("One uid, with up to 100 of its files.", valueName: "uid"))
    var uid: UInt32?

    @OptionGroup var output: OutputOptions
    @OptionGroup var agent: AgentOptions

    func perform(_ console: Console) throws {
        let residue = try agent.client.residue(all: all, uid: uid)
        guard !output.json else {
            return try console.write(JSONText.line(.array(residue.map { .object($0.wire) })))
        }
        if residue.isEmpty, console.style.isTerminal { return try console.print("Nothing left.\n") }
        var text = ResidueReport.table(residue, all: all, clock: console.clock).text(style: console.style)
        if uid != nil { text += "\n" + ResidueReport.findings(residue).text(style: console.style) }
        try console.print(text)
    }
}
