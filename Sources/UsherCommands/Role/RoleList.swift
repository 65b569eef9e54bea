internal import ArgumentParser
internal import UsherClient
internal import UsherWire

struct RoleList: Verb {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the roles of this host.",
        discussion: """
            Shows what the session agent applies. When it does not answer, or with --root, shows what the files say.

            EXAMPLES
              usher role list
              usher role list --json
            """)

    @OptionGroup var output: OutputOptions
    @OptionGroup var agent: AgentOptions
    @OptionGroup var root: RootOptions

    func perform(_ console: Console) throws {
        let roles = try roles(console)
        if output.json { return try console.write(JSONText.line(.array(roles.map { .object($0.wire) }))) }
        var table = Table(["ROLE", "ACCOUNTS", "GROUPS", "SERVICES", "REQUIRES", "MAX", "IDLE", "SHELL", "PRIVILEGED"])
        for role in roles {
            table.rows.append([
                Cell(role.name), list(role.accounts), list(role.groups), list(role.services), list(role.require),
                SessionReport.length(role.maxDuration), role.idleTimeout.map(SessionReport.length) ?? Cell("-"),
                Cell(role.shell), role.privileged ? Cell("yes", tone: .attention) : Cell("no"),
            ])
        }
        try console.print(table.text(style: console.style))
    }

    private func roles(_ console: Console) throws -> [ControlRole] {
        guard root.isThisHost else { return try root.roles() }
        do {
            return try agent.client.roles()
        } catch let error {
            let failure = Failure(error)
            guard failure.status == .agentUnreachable, let roles = try? root.roles() else { throw failure }
            console.notify("usher: \(failure.message)\nusher: this is what the files in /etc/usher/roles.d say\n")
            return roles
        }
    }

    private func list(_ texts: [String]) -> Cell {
        Cell(texts.isEmpty ? "-" : texts.joined(separator: ","))
    }
}
