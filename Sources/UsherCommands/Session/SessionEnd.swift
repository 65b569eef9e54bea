internal import ArgumentParser
internal import UsherClient
internal import UsherWire

struct SessionEnd: Verb {
    static let configuration = CommandConfiguration(
        commandName: "end",
        abstract: "End a session: its processes, its account and its home.",
        discussion: """
            Returns when the end is decided and cannot be lost. With --wait it returns when the session is closed, or \
            fails after 30 seconds, while the agent keeps trying.

            EXAMPLES
              usher session end s-k3j7x2mag5abcdef --reason "CHG-1042 withdrawn"
              usher session end s-k3j7x2mag5abcdef --reason "suspicious upload" --wait
            """)

    @Argument(help: "The session's id: s- and 16 characters.")
    var id: SessionIdentifier

    @Option(help: ArgumentHelp("Why, in one line; it stands in the session's record.", valueName: "text"))
    var reason: String

    @Flag(help: "Wait until the session is closed.")
    var wait = false

    @OptionGroup var output: OutputOptions
    @OptionGroup var agent: AgentOptions

    func validate() throws { try Reason.check(reason) }

    func perform(_ console: Console) throws {
        let session = try agent.client.endSession(id: id.text, reason: reason, wait: wait)
        if output.json {
            try console.write(JSONText.line(.object(session.wire)))
        } else {
            try console.print("\(session.id)\t\(session.state.rawValue)\n")
        }
        guard !wait || session.state == .closed else {
            throw Failure(
                "session \(session.id) is still \(session.state.rawValue) after 30 seconds; the agent keeps trying: "
                    + "see its journal and `usher session show \(session.id)`")
        }
    }
}
