internal import ArgumentParser
internal import UsherClient
internal import UsherSystem
internal import UsherTicket
internal import UsherWire

struct TicketInspect: Verb {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Show what a ticket says and whether this host would admit it.",
        discussion: """
            Reads the ticket from a file or standard input, never from the command line, where every user of the host \
            could read it. Asks the session agent, which burns nothing; when it does not answer, judges by the files in \
            /etc/usher and says so: that leaves out what only the agent knows, such as whether the ticket was used.
            Exits with 0 when the ticket would be admitted and with 3 when it would be refused.

            EXAMPLES
              usher ticket inspect < ticket
              usher ticket inspect --from 192.0.2.7 ticket.txt
              usher ticket inspect --json - < ticket
            """)

    /// Longer than any ticket, so that one that is too long is still told from one that is cut off.
    private static let longestInput = 65_536

    @Argument(help: ArgumentHelp("A file with one ticket, or - for standard input.", valueName: "file"))
    var file = "-"

    @Option(help: ArgumentHelp("Judge a login to this account (default: the ticket's).", valueName: "name"))
    var account: String?

    @Option(
        help: ArgumentHelp("Judge a login through this PAM service (default: the ticket's first).", valueName: "name"))
    var service: String?

    @Option(
        help: ArgumentHelp("Judge a login from this address (default: one the ticket allows).", valueName: "address"))
    var from: String?

    @OptionGroup var output: OutputOptions
    @OptionGroup var agent: AgentOptions
    @OptionGroup var root: RootOptions

    func perform(_ console: Console) throws {
        var ticket = try read(console)
        defer { Secrets.wipe(&ticket) }
        var claims: Claims?
        let judgement: Judgement
        do {
            let signed = try TicketParser.parse(ticket)
            claims = signed.unverifiedClaims
            judgement = try judge(ticket, signed, console)
        } catch let error as TicketError {
            // No host would take it: there is nothing to ask.
            judgement = Judgement(malformed: error)
        }
        let report = TicketReport(claims: claims, judgement: judgement)
        if output.json {
            try console.write(JSONText.line(report.json))
        } else {
            try console.print(report.record(console.clock).text(style: console.style))
        }
        if case .refused(_, let reason) = judgement.verdict {
            throw Failure("this host would refuse the ticket: \(Printable.line(reason))", status: .refused)
        }
    }

    private func read(_ console: Console) throws -> [UInt8] {
        var bytes: [UInt8]
        if file == "-" {
            bytes = try console.read(Self.longestInput)
        } else {
            bytes = try FileContents(of: file, limit: Self.longestInput).bytes
        }
        // The line end that an editor or `echo` puts there is not the ticket's.
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        return bytes
    }

    private func judge(_ ticket: [UInt8], _ signed: SignedTicket, _ console: Console) throws -> Judgement {
        let login = ImaginedLogin(signed.unverifiedClaims, account: account, service: service, from: from)
        guard root.isThisHost else { return try Judgement(files: root.report(), signed, login, now: console.clock.now) }
        do {
            let verdict = try agent.client.inspect(ticket: ticket, account: account, service: service, remoteHost: from)
            return Judgement(by: .agent, verdict: verdict)
        } catch {
            let failure = Failure(error)
            guard failure.status == .agentUnreachable else { throw failure }
            console.notify("usher: \(failure.message)\n")
        }
        do {
            let judgement = try Judgement(files: root.report(), signed, login, now: console.clock.now)
            console.notify("usher: judged by the files in /etc/usher; whether it was used or revoked is not known\n")
            return judgement
        } catch let mistake as Failure {
            throw Failure("\(mistake.message); without the agent nobody can say", status: .agentUnreachable)
        }
    }
}
