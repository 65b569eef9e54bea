internal import ArgumentParser
internal import UsherClient
internal import UsherWire

struct Why: Verb {
    static let configuration = CommandConfiguration(
        commandName: "why",
        abstract: "Say why a login was refused.",
        discussion: """
            An operator is only told `Ticket refused (ref 7F3K-Q2)`; the reason stands under that reference.

            EXAMPLES
              usher why 7F3K-Q2
              usher why 7f3k-q2 --json
            """)

    @Argument(help: ArgumentHelp("The reference that the operator was shown.", valueName: "ref"))
    var reference: RefusalReference

    @OptionGroup var output: OutputOptions
    @OptionGroup var agent: AgentOptions

    func perform(_ console: Console) throws {
        let refusal = try agent.client.explain(reference: reference.text)
        guard !output.json else { return try console.write(JSONText.line(.object(refusal.wire))) }
        var record = Record()
        record.add("reference", refusal.reference)
        record.add("reason", refusal.reason, tone: .bad)
        record.add("code", refusal.code)
        record.add("when", Moment(refusal.at).cell(console.clock))
        record.add("account", refusal.account)
        record.add("service", refusal.service)
        record.add("from", refusal.remoteHost)
        record.add("issuer", refusal.issuer)
        record.add("ticket", refusal.ticket)
        record.add("subject", refusal.subject)
        try console.print(record.text(style: console.style))
    }
}
