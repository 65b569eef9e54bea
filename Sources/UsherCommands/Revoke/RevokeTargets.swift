internal import ArgumentParser
internal import UsherClient
internal import UsherTicket
internal import UsherWire

/// What every revocation by command needs.
struct RevokeOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Why, in one line; it stands in refusals and in the records of sessions.", valueName: "text"))
    var reason: String

    @OptionGroup var output: OutputOptions
    @OptionGroup var agent: AgentOptions

    /// What the agent would not accept is a mistake of the command line.
    func validate(_ kind: RevocationEntry.Kind, _ value: String = "", issuer: String? = nil) throws {
        do throws(TicketError) {
            // Which issuer a ticket has without one is the agent's to find.
            _ = try RevocationEntry(
                kind: kind, value: value, issuer: kind == .ticket ? issuer ?? "unknown" : "", reason: reason)
        } catch {
            let detail = error.detail.hasPrefix("reason") || error.detail.hasPrefix("issuer") ? "--" : ""
            throw ValidationError(detail + error.detail)
        }
    }

    func perform(
        _ console: Console, _ kind: RevocationEntry.Kind, _ value: String? = nil, issuer: String? = nil
    ) throws {
        let outcome = try agent.client.revoke(kind: kind.rawValue, value: value, issuer: issuer, reason: reason)
        for warning in outcome.warnings { console.notify("usher: warning: \(Printable.line(warning))\n") }
        guard !output.json else { return try console.write(JSONText.line(.object(outcome.wire))) }
        try console.print(Self.text(outcome))
    }

    private static func text(_ outcome: ControlRevocationOutcome) -> String {
        let id = outcome.revocation.id ?? "-"
        let what = outcome.revocation.value.map { "\(outcome.revocation.kind.rawValue) \($0)" } ?? "every ticket"
        let verb = outcome.stoodBefore ? "was revoked before" : "is revoked"
        let ended = counted(Int(outcome.sessionsEnded), "session")
        let lapsed = counted(Int(outcome.admissionsLapsed), "waiting login")
        return Printable.line("\(id): \(what) \(verb); \(ended) ended, \(lapsed) lapsed") + "\n"
            + "Refused until: usher revoke lift \(id) --reason TEXT\n"
    }
}

struct RevokeTicket: Verb {
    static let configuration = CommandConfiguration(
        commandName: "ticket",
        abstract: "Revoke one ticket.",
        discussion: """
            A ticket that was used already is refused anyway; its session ends. The issuer can be left out where this \
            host has admitted the ticket, or trusts one issuer alone. An id that begins with - stands after --.

            EXAMPLES
              usher revoke ticket AAECAwQFBgcICQoLDA0ODw --reason "sent to the wrong chat"
              usher revoke ticket --issuer ci --reason leaked -- -AECAwQFBgcICQoLDA0ODw
            """)

    @Argument(help: ArgumentHelp("The ticket's id (jti).", valueName: "ticket-id"))
    var id: String

    @Option(help: ArgumentHelp("The broker's name, as the ticket has it.", valueName: "issuer"))
    var issuer: String?

    @OptionGroup var options: RevokeOptions

    func validate() throws { try options.validate(.ticket, id, issuer: issuer) }

    func perform(_ console: Console) throws { try options.perform(console, .ticket, id, issuer: issuer) }
}

struct RevokeSubject: Verb {
    static let configuration = CommandConfiguration(
        commandName: "subject",
        abstract: "Revoke a person, agent or service.",
        discussion: """
            Refuses tickets that speak of it, in which it acts for somebody else, and for which it is accountable.

            EXAMPLES
              usher revoke subject human:alice --reason "left the company"
              usher revoke subject agent:deploy --reason "INC-7: runs wild" --json
            """)

    @Argument(help: "human:…, agent:… or service:….")
    var subject: String

    @OptionGroup var options: RevokeOptions

    func validate() throws { try options.validate(.subject, subject) }

    func perform(_ console: Console) throws { try options.perform(console, .subject, subject) }
}

struct RevokeAccount: Verb {
    static let configuration = CommandConfiguration(
        commandName: "account",
        abstract: "Revoke logins to an account of this host.",
        discussion: """
            Logins without a ticket (exempt accounts, other PAM stacks) are not touched.

            EXAMPLES
              usher revoke account postgres --reason "CHG-1042: migration"
              usher revoke account u-k3j7x2mag5 --reason "account under investigation"
            """)

    @Argument(help: "The account's name.")
    var account: String

    @OptionGroup var options: RevokeOptions

    func validate() throws { try options.validate(.account, account) }

    func perform(_ console: Console) throws { try options.perform(console, .account, account) }
}

struct RevokeRole: Verb {
    static let configuration = CommandConfiguration(
        commandName: "role",
        abstract: "Revoke a role.",
        discussion: """
            EXAMPLES
              usher revoke role dba --reason "freeze of the year's end"
            """)

    @Argument(help: "The role's name.")
    var role: String

    @OptionGroup var options: RevokeOptions

    func validate() throws { try options.validate(.role, role) }

    func perform(_ console: Console) throws { try options.perform(console, .role, role) }
}

struct RevokeKey: Verb {
    static let configuration = CommandConfiguration(
        commandName: "key",
        abstract: "Revoke a broker's key: its tickets, and the sessions opened with them.",
        discussion: """
            A key id that begins with - stands after --.

            EXAMPLES
              usher revoke key 44OdtsPYTtc --reason "broker host compromised"
            """)

    @Argument(help: ArgumentHelp("The key's id (kid), as `usher key show` has it.", valueName: "key-id"))
    var id: String

    @OptionGroup var options: RevokeOptions

    func validate() throws { try options.validate(.key, id) }

    func perform(_ console: Console) throws { try options.perform(console, .key, id) }
}

struct RevokeAll: Verb {
    static let configuration = CommandConfiguration(
        commandName: "all",
        abstract: "Stop everything: refuse every ticket and end every session.",
        discussion: """
            Exempt accounts still log in, so that somebody can lift it: the answer says how.

            EXAMPLES
              usher revoke all --reason "INC-7: intruder on the host"
            """)

    @OptionGroup var options: RevokeOptions

    func validate() throws { try options.validate(.all) }

    func perform(_ console: Console) throws { try options.perform(console, .all) }
}
