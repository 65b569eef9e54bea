internal import ArgumentParser
internal import UsherClient
internal import UsherSystem
internal import UsherTicket
internal import UsherWire

struct HostShow: Verb {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show this host's id, the public part of its key and, when it runs, its session agent.",
        discussion: """
            The key signs the receipts of sessions: with its public part `usher receipt verify` works anywhere.

            EXAMPLES
              usher host show
              usher host show --key > host.pub.jwk
              usher host show --root /mnt/image --json
            """)

    @Flag(help: "Print only the public key that verifies this host's receipts, as a JWK.")
    var key = false

    @OptionGroup var output: OutputOptions
    @OptionGroup var agent: AgentOptions
    @OptionGroup var root: RootOptions

    func validate() throws {
        guard !key || !output.json else { throw ValidationError("--key prints JSON already: leave --json out") }
    }

    func perform(_ console: Console) throws {
        let id = try root.hostID()
        var answer: ControlHost?
        var problem: Failure?
        if root.isThisHost {
            do { answer = try agent.client.host() } catch { problem = Failure(error) }
        }
        let publicKey = try publicKey(answer)
        if key {
            guard let publicKey else {
                throw problem ?? Failure("this host has no key yet: usherd makes it when it starts", status: .notFound)
            }
            return try console.print(publicKey.jwk() + "\n")
        }
        if output.json {
            try console.write(JSONText.line(try Self.json(id, publicKey, answer)))
        } else {
            try console.print(Self.record(id, publicKey, answer, problem, console).text(style: console.style))
        }
        if let answer, answer.id != id {
            throw Failure("the agent runs as host \(answer.id), not \(id): restart usherd")
        }
        // The id is an answer; who may not ask the agent still gets it.
        if let problem { console.notify("usher: \(problem.message)\n") }
    }

    /// The agent's own; without one, that of the file, which only root can read.
    private func publicKey(_ answer: ControlHost?) throws -> PublicKey? {
        guard let answer else {
            do { return try root.hostKey() } catch let failure as SystemError where failure.isNotPermitted {
                return nil
            }
        }
        do {
            return try PublicKey(jwk: Array(answer.key.utf8))
        } catch {
            throw Failure("the agent's key cannot be used: \(error.detail)")
        }
    }

    private static func json(_ id: String, _ key: PublicKey?, _ answer: ControlHost?) throws -> JSONValue {
        .record([
            "id": .text(id), "key": try key.map { try JSONText.parse($0.jwk()) } ?? .null,
            "agent": answer.map {
                .record([
                    "version": .text($0.version), "startedAt": .integer($0.startedAt),
                    "liveSessions": .integer($0.liveSessions),
                ])
            } ?? .null,
        ])
    }

    private static func record(
        _ id: String, _ key: PublicKey?, _ answer: ControlHost?, _ problem: Failure?, _ console: Console
    ) -> Record {
        var record = Record()
        record.add("host", id)
        record.add("receipt key", key?.keyID)
        record.add("public key", key?.jwk())
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
