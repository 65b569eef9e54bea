internal import ArgumentParser
internal import UsherClient
internal import UsherWire

struct HostShow: Verb {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show this host's id and, when it runs, its session agent.",
        discussion: """
            EXAMPLES
              usher host show
              usher host show --json
              usher host show --root /mnt/image
            """)

    @OptionGroup var output: OutputOptions
    @OptionGroup var agent: AgentOptions
    @OptionGroup var root: RootOptions

    func perform(_ console: Console) throws {
        let id = try root.hostID()
        var answer: ControlHost?
        var problem: Failure?
        if root.isThisHost {
            do { answer = try agent.client.host() } catch { problem = Failure(error) }
        }
        if output.json {
            try console.write(JSONText.line(Self.json(id, answer)))
        } else {
            try console.print(Self.record(id, answer, problem, console).text(style: console.style))
        }
        if let answer, answer.id != id {
            throw Failure("the agent runs as host \(answer.id), not \(id): restart usherd")
        }
        // The id is an answer; who may not ask the agent still gets it.
        if let problem { console.notify("usher: \(problem.message)\n") }
    }

    private static func json(_ id: String, _ answer: ControlHost?) -> JSONValue {
        .record([
            "id": .text(id),
            "agent": answer.map {
                .record([
                    "version": .text($0.version), "startedAt": .integer($0.startedAt),
                    "liveSessions": .integer($0.liveSessions),
                ])
            } ?? .null,
        ])
    }

    private static func record(
        _ id: String, _ answer: ControlHost?, _ problem: Failure?, _ console: Console
    ) -> Record {
        var record = Record()
        record.add("host", id)
        if let answer {
            record.add("agent", "usherd \(answer.version)", tone: .good)
            record.add("started", Moment(answer.startedAt).cell(console.clock))
            record.add("live sessions", String(answer.liveSessions))
        } else if problem != nil {
            record.add("agent", "not reachable", tone: .attention)
        }
        return record
    }
}
