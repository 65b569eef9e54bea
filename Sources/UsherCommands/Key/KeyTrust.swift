internal import ArgumentParser
internal import UsherAgent
internal import UsherClient
internal import UsherConfig
internal import UsherSystem
internal import UsherTicket
internal import UsherWire

struct KeyTrust: Verb {
    static let configuration = CommandConfiguration(
        commandName: "trust",
        abstract: "Trust a broker's key on this host for some roles and accounts.",
        discussion: """
            Writes a trust entry with the public part of the key, checks it together with those that are there, and \
            makes the agent read it when it runs. An entry is never overwritten. To distrust a key, set `revoked` in \
            its file or remove it. With --revocations the key signs lists of what is revoked (usher revoke issue) and no             ticket; a key is never good for both.

            EXAMPLES
              usher key trust --issuer https://broker.example.org --role operator \\
                broker.pub.jwk
              usher key trust --issuer ci --name ci-2025 --role deploy --role dba \\
                --account ephemeral --account www ci.jwk
              usher key trust --issuer soc --revocations soc.pub.jwk
            """)

    @Option(help: ArgumentHelp("The broker's name, as its tickets have it.", valueName: "issuer"))
    var issuer: String

    @Option(help: ArgumentHelp("A role that the key may sign for (repeatable).", valueName: "name"))
    var role: [String] = []

    @Flag(help: "It signs revocation lists, and no tickets.")
    var revocations = false

    @Option(help: ArgumentHelp("What it may sign for (repeatable; default: login).", valueName: "use"))
    var use: [UseArgument] = []

    @Option(
        help: ArgumentHelp(
            "An account it may sign for: ephemeral, or an existing one by name (repeatable; default: ephemeral).",
            valueName: "name"))
    var account: [String] = []

    @Option(help: ArgumentHelp("The entry's name (default: made from the issuer).", valueName: "name"))
    var name: String?

    @Argument(help: ArgumentHelp("A file with the broker's public or private JWK.", valueName: "key-file"))
    var file: String

    @OptionGroup var output: OutputOptions
    @OptionGroup var agent: AgentOptions
    @OptionGroup var root: RootOptions

    /// The name becomes a path: judged before anything is made of it.
    func validate() throws {
        if revocations, !(role.isEmpty && use.isEmpty && account.isEmpty) {
            throw ValidationError("--revocations goes without --role, --use and --account: the key signs no tickets")
        }
        guard revocations || !role.isEmpty else { throw ValidationError("--role must be given, or --revocations") }
        guard let name else { return }
        let bytes = Array(name.utf8)
        let isName = bytes.enumerated().allSatisfy { index, byte in
            (0x61...0x7A).contains(byte) || (index > 0 && ((0x30...0x39).contains(byte) || byte == 0x2D))
        }
        guard isName, (1...31).contains(bytes.count) else {
            throw ValidationError("--name must be 1 to 31 of a-z, 0-9 and -, a letter first")
        }
    }

    func perform(_ console: Console) throws {
        let key = try KeyFile.publicKey(file)
        let name = name ?? Self.entryName(issuer)
        let path = root.path("\(Paths.configuration)/trust.d/\(name).toml")
        let text =
            revocations
            ? TrustEntryText.make(issuer: issuer, revocationKey: key)
            : TrustEntryText.make(
                issuer: issuer, roles: role, uses: use.map(\.use.rawValue), accounts: account, key: key)
        try check(path, text, console)
        do {
            try NewFile.create(path, Array(text.utf8), mode: 0o644)
        } catch {
            guard error.isAlreadyThere else { throw error }
            throw Failure("\(path) exists: choose another --name, or change that file")
        }
        let reloaded = try reload(path, console)
        guard output.json else { return try console.print("\(path)\n") }
        try console.write(
            JSONText.line(
                .record([
                    "file": .text(path), "name": .text(name), "kid": .text(key.keyID), "reloaded": .boolean(reloaded),
                ])))
    }

    /// The entry by itself and beside what is there, as the agent would judge it.
    private func check(_ path: String, _ text: String, _ console: Console) throws {
        let entry: TrustFile
        do {
            entry = try TrustFile.parse(file: path, text: text)
        } catch {
            let reasons = error.diagnostics.map(\.message).joined(separator: "; ")
            throw Failure("the trust entry \(path) would be wrong: \(reasons)", status: .usage)
        }
        let report = root.report()
        let known = CrossCheck.diagnostics(roles: report.roles, trust: report.trust)
        let found = CrossCheck.diagnostics(roles: report.roles, trust: report.trust + [entry])
        for diagnostic in found where !known.contains(diagnostic) {
            guard diagnostic.severity == .warning else {
                throw Failure("the trust entry \(path) would be wrong: \(diagnostic.message)")
            }
            console.notify("usher: warning: \(diagnostic.message)\n")
        }
    }

    /// Whether a running agent has read the entry; one that does not run reads it when it starts.
    private func reload(_ path: String, _ console: Console) throws -> Bool {
        guard root.isThisHost else { return false }
        do {
            _ = try agent.client.reload()
            return true
        } catch let error {
            let failure = Failure(error)
            guard failure.status == .agentUnreachable else {
                throw Failure("\(path) is written, but the agent goes on without it: \(failure.message)")
            }
            console.notify("usher: no agent answers on \(agent.socket): it will read the entry when it starts\n")
            return false
        }
    }

    /// `https://broker.example.org` → `broker-example-org`; an entry's name is `[a-z][a-z0-9-]*`.
    static func entryName(_ issuer: String) -> String {
        let bare = issuer.lowercased().split(separator: "://", maxSplits: 1).last ?? ""
        var name = ""
        for byte in bare.utf8 {
            let isLetter = (0x61...0x7A).contains(byte)
            let isDigit = (0x30...0x39).contains(byte)
            if isLetter || (isDigit && !name.isEmpty) {
                name.append(Character(Unicode.Scalar(byte)))
            } else if !name.isEmpty, name.last != "-" {
                name.append("-")
            }
        }
        name = String(name.prefix(31))
        while name.last == "-" { name.removeLast() }
        return name.isEmpty ? "broker" : name
    }
}

/// `login`, `stepup` or `breakglass` on a command line.
struct UseArgument: ExpressibleByArgument {
    static var allValueStrings: [String] { Use.allCases.map(\.rawValue) }

    let use: Use

    init?(argument: String) {
        guard let use = Use(rawValue: argument) else { return nil }
        self.use = use
    }
}

/// A trust entry as TOML. JSON strings are TOML basic strings (https://toml.io/en/v1.0.0#string), so that no value
/// can end its string.
enum TrustEntryText {
    static func make(issuer: String, roles: [String], uses: [String], accounts: [String], key: PublicKey) -> String {
        """
        # Who holds this key may sign tickets for these roles and accounts. Written by `usher key trust`.
        issuer = \(json(.text(issuer)))
        uses = \(json(.texts(uses.isEmpty ? ["login"] : uses)))
        roles = \(json(.texts(roles)))
        accounts = \(json(.texts(accounts.isEmpty ? ["ephemeral"] : accounts)))

        \(table(key))
        """
    }

    /// Of a key for revocation lists.
    static func make(issuer: String, revocationKey key: PublicKey) -> String {
        """
        # Who holds this key may sign revocation lists, and no tickets. Written by `usher key trust`.
        issuer = \(json(.text(issuer)))
        signs = "revocations"

        \(table(key))
        """
    }

    private static func table(_ key: PublicKey) -> String {
        """
        [key]
        kty = "OKP"
        crv = "Ed25519"
        x = \(json(.text(Base64URL.encode(key.rawBytes))))
        kid = \(json(.text(key.keyID)))

        """
    }

    private static func json(_ value: JSONValue) -> String {
        String(decoding: JSONText.line(value).dropLast(), as: UTF8.self)
    }
}
