internal import ArgumentParser
internal import UsherClient
internal import UsherWire

struct SessionExtend: Verb {
    static let configuration = CommandConfiguration(
        commandName: "extend",
        abstract: "Move the end of a session.",
        discussion: """
            For administrators, and never beyond the longest that the session's role and the host give any session, \
            counted from its opening. The session's terminals are told. The idle limit stays.

            EXAMPLES
              usher session extend s-k3j7x2mag5abcdef --by 30m --reason "CHG-1042 takes longer"
            """)

    @Argument(help: "The session's id: s- and 16 characters.")
    var id: SessionIdentifier

    @Option(help: ArgumentHelp("By how much, such as 90, 15m or 1h30m.", valueName: "duration"))
    var by: TimeSpan

    @Option(help: ArgumentHelp("Why, in one line; it stands in the session's record.", valueName: "text"))
    var reason: String

    @OptionGroup var output: OutputOptions
    @OptionGroup var agent: AgentOptions

    func validate() throws {
        guard (1...604_800).contains(by.seconds) else { throw ValidationError("--by must be 1s to 7d") }
        try Reason.check(reason)
    }

    func perform(_ console: Console) throws {
        let session = try agent.client.extendSession(id: id.text, seconds: by.seconds, reason: reason)
        if output.json {
            try console.write(JSONText.line(.object(session.wire)))
        } else {
            let end = Moment(session.endsAt)
            try console.print(
                "\(session.id)\t\(console.style.isTerminal ? end.friendly(console.clock) : end.iso)\n")
        }
    }
}
