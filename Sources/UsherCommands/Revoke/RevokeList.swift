internal import ArgumentParser
internal import UsherClient
internal import UsherWire

struct RevokeList: Verb {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List what is revoked on this host, and how it stands with the signed list.",
        discussion: """
            Revocations by command have an id and are lifted by `usher revoke lift`. Those of a signed list are lifted by \
            a later list, those of a trust entry by changing its file.

            EXAMPLES
              usher revoke list
              usher revoke list --all --json
            """)

    @Flag(help: "Lifted ones too.")
    var all = false

    @Option(help: ArgumentHelp("At most this many, the newest.", valueName: "count"))
    var limit: Int?

    @OptionGroup var output: OutputOptions
    @OptionGroup var agent: AgentOptions

    func validate() throws {
        guard (1...2000).contains(limit ?? 1) else { throw ValidationError("--limit must be 1 to 2000") }
    }

    func perform(_ console: Console) throws {
        let answer = try agent.client.revocations(all: all, limit: limit)
        guard !output.json else { return try console.write(JSONText.line(.object(answer.wire))) }
        if let list = answer.list { console.notify("usher: \(Self.line(list, console))\n") }
        if answer.revocations.isEmpty, console.style.isTerminal {
            return try console.print("Nothing is revoked.\n")
        }
        var table = Table(["ID", "KIND", "VALUE", "REASON", "BY", "SINCE"])
        if all { table.header.append("LIFTED") }
        for revocation in answer.revocations {
            var row = [
                Cell(revocation.id ?? "-"), Cell(revocation.kind.rawValue), Cell(revocation.value ?? "-"),
                Cell(revocation.reason), Cell(revocation.by), Moment(revocation.at).cell(console.clock),
            ]
            if all { row.append(revocation.liftedAt.map { Moment($0).cell(console.clock) } ?? Cell("-")) }
            table.rows.append(row)
        }
        try console.print(table.text(style: console.style))
        let standing = answer.revocations.filter { $0.liftedAt == nil }.count
        if answer.standing > standing {
            console.notify("usher: \(answer.standing) stand; the newest \(standing) are shown (--limit)\n")
        }
    }

    private static func line(_ list: ControlRevocationList, _ console: Console) -> String {
        let number = list.number.map { "number \($0)" } ?? "no list"
        let until = list.expiresAt.map { ", good until \(Moment($0).friendly(console.clock))" } ?? ""
        let state =
            switch list.state {
            case .inForce: "in force"
            case .missing: "missing"
            case .expired: "expired"
            }
        let effect = list.state == .inForce ? "" : list.whenMissing == .refuse ? ": every ticket is refused" : ""
        let problem = list.problem.map { " (\($0))" } ?? ""
        return Printable.line("signed list \(list.path): \(state)\(effect), \(number)\(until)\(problem)")
    }
}

/// `r-` and 16 base32 characters.
struct RevocationIdentifier: ExpressibleByArgument {
    let text: String

    init?(argument: String) {
        let bytes = Array(argument.utf8)
        guard bytes.count == 18, bytes.starts(with: "r-".utf8),
            bytes.dropFirst(2).allSatisfy({ Base32.value($0) != nil })
        else { return nil }
        text = argument
    }
}

struct RevokeLift: Verb {
    static let configuration = CommandConfiguration(
        commandName: "lift",
        abstract: "Lift a revocation: logins pass again.",
        discussion: """
            Sessions that it ended stay ended.

            EXAMPLES
              usher revoke lift r-k3j7x2mag5abcdef --reason "INC-7 is closed"
            """)

    @Argument(help: "The revocation's id: r- and 16 characters.")
    var id: RevocationIdentifier

    @Option(help: ArgumentHelp("Why, in one line; it stands in the revocation's record.", valueName: "text"))
    var reason: String

    @OptionGroup var output: OutputOptions
    @OptionGroup var agent: AgentOptions

    func validate() throws {
        guard (1...200).contains(reason.utf8.count), reason.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) else {
            throw ValidationError("--reason is not 1 to 200 printable ASCII characters")
        }
    }

    func perform(_ console: Console) throws {
        let lifted = try agent.client.liftRevocation(id: id.text, reason: reason)
        guard !output.json else { return try console.write(JSONText.line(.object(lifted.wire))) }
        let what = lifted.value.map { "\(lifted.kind.rawValue) \($0)" } ?? "every ticket"
        try console.print(Printable.line("\(id.text): \(what) is no longer revoked") + "\n")
    }
}
