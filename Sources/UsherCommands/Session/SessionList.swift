internal import ArgumentParser
internal import UsherClient
internal import UsherWire

struct SessionList: Verb {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List live sessions, oldest first.",
        discussion: """
            EXAMPLES
              usher session list
              usher session list --all --limit 1000 --json
              usher session list | awk -F'\\t' 'NR > 1 { print $1 }'
            """)

    @Flag(help: "Closed sessions too.")
    var all = false

    @Option(help: ArgumentHelp("With --all, at most this many sessions, the newest.", valueName: "count"))
    var limit: Int?

    @OptionGroup var output: OutputOptions
    @OptionGroup var agent: AgentOptions

    func validate() throws {
        guard let limit else { return }
        guard all else { throw ValidationError("--limit needs --all") }
        guard (1...2000).contains(limit) else { throw ValidationError("--limit must be 1 to 2000") }
    }

    func perform(_ console: Console) throws {
        let sessions = try agent.client.sessions(all: all, limit: limit)
        guard !output.json else {
            return try console.write(JSONText.line(.array(sessions.map { .object($0.wire) })))
        }
        if sessions.isEmpty, console.style.isTerminal {
            return try console.print(all ? "No sessions.\n" : "No live sessions.\n")
        }
        try console.print(SessionReport.table(sessions, all: all, clock: console.clock).text(style: console.style))
    }
}
