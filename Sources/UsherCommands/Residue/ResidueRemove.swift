internal import ArgumentParser
internal import UsherClient
internal import UsherWire

struct ResidueRemove: Verb {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Remove all that a uid left.",
        discussion: """
            Files of others that have only its group are not removed: their group becomes root. A directory that holds \
            something of others stays, and with it the quarantine. Who did it and why stands in a signed supplement to \
            the session's receipt.

            EXAMPLES
              usher residue remove 1954321987 --reason "forgotten build"
            """)

    @Argument(help: "The uid, as usher residue list shows it.")
    var uid: UInt32

    @Option(help: ArgumentHelp("Why, in one line; it stands in the signed record.", valueName: "text"))
    var reason: String

    @OptionGroup var output: OutputOptions
    @OptionGroup var agent: AgentOptions

    func validate() throws { try Reason.check(reason) }

    func perform(_ console: Console) throws {
        let number = try agent.client.removeResidue(uid: uid, reason: reason)
        try ResidueProgress.settle(number, uid: uid, "removed", output, agent.client, console)
    }
}
