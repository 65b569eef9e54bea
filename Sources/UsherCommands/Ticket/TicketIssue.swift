internal import ArgumentParser
internal import UsherSystem
internal import UsherTicket
internal import UsherWire

struct TicketIssue: Verb {
    static let configuration = CommandConfiguration(
        commandName: "issue",
        abstract: "Sign a one-time ticket with a broker's key.",
        discussion: """
            Prints the ticket and nothing else, so that it can be piped; it is a secret until it is used. With --count, \
            each line is an account, a blank and a ticket; with --json, each line is an object of ticket, account, id, \
            expires and key. On a terminal, standard error says how to log in.

            EXAMPLES
              usher ticket issue --key broker.jwk --issuer ci --subject human:alice \\
                --role operator
              usher ticket issue --key broker.jwk --issuer ci --subject agent:deploy \\
                --owner human:bob --role deploy --change CHG-1042 --max 30m --json
            """)

    @Option(help: ArgumentHelp("The broker's private key (JWK, mode 0600).", valueName: "file"))
    var key: String

    @Option(help: ArgumentHelp("The broker's name, as trust entries have it.", valueName: "issuer"))
    var issuer: String

    @Option(help: ArgumentHelp("The host it is good for (default: this one).", valueName: "host-id"))
    var host: String?

    @Option(help: ArgumentHelp("Whom it speaks of: human:…, agent:… or service:….", valueName: "subject"))
    var subject: String

    @Option(help: ArgumentHelp("The account to log in as (default: a fresh ephemeral one).", valueName: "name"))
    var account: String?

    @Option(help: ArgumentHelp("The role on that host.", valueName: "name"))
    var role: String

    @OptionGroup(title: "Accountability") var accountability: Accountability
    @OptionGroup(title: "Restrictions") var restrictions: Restrictions

    @Option(help: ArgumentHelp("How long it may be redeemed, at most 15m.", valueName: "length"))
    var valid = TimeSpan(seconds: 300)

    @Option(help: ArgumentHelp("Good only after this time from now; counts against --valid.", valueName: "length"))
    var notBefore: TimeSpan?

    @Option(
        help: ArgumentHelp(
            "Issue several tickets, each with a fresh account unless --account is given.", valueName: "number"))
    var count: Int?

    @OptionGroup var output: OutputOptions

    struct Accountability: ParsableArguments {
        @Option(help: ArgumentHelp("Who acts for the subject.", valueName: "subject"))
        var actor: String?

        @Option(help: ArgumentHelp("The person accountable for an agent or service.", valueName: "subject"))
        var owner: String?

        @Option(help: ArgumentHelp("The approval's id.", valueName: "id"))
        var approval: String?

        @Option(help: ArgumentHelp("The change or incident number.", valueName: "id"))
        var change: String?
    }

    struct Restrictions: ParsableArguments {
        @Option(
            name: .customLong("max"),
            help: ArgumentHelp("Longest session; can only shorten the role's.", valueName: "length"))
        var maximum: TimeSpan?

        @Option(help: ArgumentHelp("Idle limit; can only shorten the role's.", valueName: "length"))
        var idle: TimeSpan?

        @Option(help: ArgumentHelp("A PAM service it is good for (repeatable; default: sshd).", valueName: "name"))
        var service: [String] = []

        @Option(help: ArgumentHelp("The account that su or sudo goes to.", valueName: "name"))
        var target: String?

        @Option(help: ArgumentHelp("The address or network the login must come from.", valueName: "address"))
        var source: String?

        @Option(help: ArgumentHelp("The SSH key that must have authenticated too: SHA256:….", valueName: "fingerprint"))
        var keyFingerprint: String?

        @Option(help: ArgumentHelp("The only command the session may run.", valueName: "text"))
        var command: String?
    }

    func validate() throws {
        guard (1...ClaimRules.longestLifetime).contains(valid.seconds) else {
            throw ValidationError("--valid must be 1s to 15m")
        }
        if let notBefore, notBefore.seconds >= valid.seconds {
            throw ValidationError("--not-before must be shorter than --valid")
        }
        if let count, !(1...1_000_000).contains(count) {
            throw ValidationError("--count must be 1 to 1000000")
        }
        if let source = restrictions.source, AddressRange(source) == nil {
            throw ValidationError("--source must be an address or a network, such as 192.0.2.7 or 2001:db8::/32")
        }
        if let fingerprint = restrictions.keyFingerprint, KeyFingerprint(fingerprint) == nil {
            throw ValidationError("--key-fingerprint must be what `ssh-keygen -l` prints: SHA256: and 43 characters")
        }
    }
}
