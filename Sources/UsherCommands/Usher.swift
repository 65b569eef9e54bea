internal import ArgumentParser
internal import UsherWire

/// The command line of operators, host administrators and the SOC.
struct Usher: Noun {
    static let configuration = CommandConfiguration(
        commandName: "usher",
        abstract: "One-time tickets, roles and sessions of this host.",
        discussion: """
            On a terminal, output is for people: aligned columns, colours, local times. In a pipe columns are separated \
            by tabs, times are UTC and lengths seconds. With --json a command prints one JSON value, a list as an array; \
            `usher ticket issue` prints one a line. What went wrong is one line on standard error.

            EXIT STATUS
              0  done
              1  it failed; the reason is on standard error
              2  the command line is wrong
              3  the ticket would be refused, or a receipt or evidence does not verify
              4  the session agent does not answer
              5  not permitted
              6  there is no such session, revocation, reference or file
            """,
        version: "usher \(Version.current)",
        subcommands: [
            HostCommand.self, KeyCommand.self, TicketCommand.self, SessionCommand.self, ReceiptCommand.self,
            ResidueCommand.self, RevokeCommand.self, RoleCommand.self, DetectCommand.self, EvidenceCommand.self,
            Timeline.self, Search.self, Why.self,
        ])
}
