internal import ArgumentParser
internal import UsherClient
internal import UsherWire

struct SessionShow: Verb {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show everything that is known about one session.",
        discussion: """
            EXAMPLES
              usher session show s-k3j7x2mag5abcdef
              usher session show s-k3j7x2mag5abcdef --json
            """)

    @Argument(help: "The session's id: s- and 16 characters.")
    var id: SessionIdentifier

    @OptionGroup var output: OutputOptions
    @OptionGroup var agent: AgentOptions

    func perform(_ console: Console) throws {
        let session = try agent.client.session(id: id.text)
        guard !output.json else { return try console.write(JSONText.line(.object(session.wire))) }
        try console.print(SessionReport.record(session, clock: console.clock).text(style: console.style))
    }
}
