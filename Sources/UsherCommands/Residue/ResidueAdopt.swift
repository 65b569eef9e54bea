internal import ArgumentParser
internal import UsherClient
internal import UsherWire

struct ResidueAdopt: Verb {
    static let configuration = CommandConfiguration(
        commandName: "adopt",
        abstract: "Give all that a uid left to an account of the host.",
        discussion: """
            Owner and group change wherever they are the uid's; set-id bits go. Who did it, why and what it was stands \
            in a signed supplement to the session's receipt. Look at the files first: whoever was in the session chose \
            what is in them.

            EXAMPLES
              usher residue adopt 1954321987 --to alice --reason "her dump, CHG-1042"
            """)

    @Argument(help: "The uid, as usher residue list shows it.")
    var uid: UInt32

    @Option(help: ArgumentHelp("The account that gets the files.", valueName: "owner"))
    var to: String

    @Option(help: ArgumentHelp("Why, in one line; it stands in the signed record.", valueName: "text"))
    var reason: String

    @OptionGroup var output: OutputOptions
    @OptionGroup var agent: AgentOptions

    func validate() throws { try Reason.check(reason) }

    func perform(_ console: Console) throws {
        let number = try agent.client.adoptResidue(uid: uid, owner: to, reason: reason)
        try ResidueProgress.settle(number, uid: uid, "adopted", output, agent.client, console)
    }
}
