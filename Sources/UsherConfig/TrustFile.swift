public import UsherPolicy
internal import UsherTicket
internal import UsherWire

/// `/etc/usher/trust.d/NAME.toml`, checked.
public struct TrustFile: Equatable, Sendable {
    public var entry: TrustEntry
    let source: SourceText

    /// The trust entry of a file, or every mistake in it. The entry's name is the file's without `.toml`.
    public static func parse(file: String, text: String) throws(ConfigurationError) -> TrustFile {
        var reader = try TableReader(file: file, text: text)
        let issuer = reader.read(Keys.issuer)
        let signs = reader.read(Keys.signs)
        let uses = reader.read(Keys.uses)
        let roles = reader.read(Keys.roles)
        let accounts = reader.read(Keys.accounts)
        let revoked = reader.read(Keys.revoked)
        let key = reader.read(Keys.key)
        let name = FileName.entry(of: file)
        if name.map({ Rule.roleName.accepts($0) }) != true {
            reader.report("the file's name is not \(Rule.roleName.form), and .toml")
        }
        if let signs, let uses, let roles, let accounts {
            checkScope(&reader, Signs(rawValue: signs), uses, roles, accounts)
        }
        try reader.finish()
        guard let issuer, let signs = signs.flatMap({ Signs(rawValue: $0) }), let uses, let roles, let accounts,
            let revoked, let key, let name
        else {
            throw ConfigurationError(diagnostics: reader.diagnostics)
        }
        let entry = TrustEntry(
            name: name, issuer: issuer, key: key, signs: signs,
            uses: signs == .tickets ? Set((uses ?? defaultUses).compactMap { Use(rawValue: $0) }) : [],
            roles: roles ?? [],
            accounts: signs == .tickets ? (accounts ?? defaultAccounts).map { AccountSelector($0) } : [],
            revoked: revoked)
        return TrustFile(entry: entry, source: reader.source)
    }

    private static let defaultUses = ["login"]
    private static let defaultAccounts = ["ephemeral"]

    /// A key for tickets says for which roles; one for revocation lists says nothing of the kind, so that nobody takes
    /// it for one that could.
    private static func checkScope(
        _ reader: inout TableReader, _ signs: Signs?, _ uses: [String]?, _ roles: [String]?, _ accounts: [String]?
    ) {
        guard signs == .revocations else {
            if roles == nil { reader.report("\(Keys.roles.name) is missing: \(Keys.roles.form)") }
            return
        }
        for (name, list) in [(Keys.uses.name, uses), (Keys.roles.name, roles), (Keys.accounts.name, accounts)]
        where list != nil {
            reader.report("\(name) is for a key that signs tickets", at: name)
        }
    }

    enum Keys {
        static let issuer = Key.text("issuer", .issuer, "The broker's name: a ticket's `iss` must equal it.")
        static let signs = Key.text(
            "signs", .choice(Signs.allCases.map(\.rawValue)), fallback: Signs.tickets.rawValue,
            "What the key is for: tickets, or revocation lists (see `revocation_list`). A key is good for one of them.")
        static let uses = Key.optionalList(
            "uses", of: .choice(Use.allCases.map(\.rawValue)), counts: 1...3, absent: "[\"login\"]",
            "What the key may sign tickets for.")
        static let roles = Key.optionalList(
            "roles", of: .roleName, counts: 1...256, absent: "must be given where `signs` is `tickets`",
            "Roles that the key may sign for, each by name.")
        static let accounts = Key.optionalList(
            "accounts", of: .selector, counts: 1...256, absent: "[\"ephemeral\"]",
            "Accounts that the key may sign for: `ephemeral`, or existing accounts by name.")
        static let revoked = Key<String?>.optionalText(
            "revoked", .sentence, absent: "the key is trusted",
            "Why the key is distrusted. Its tickets are refused from the next reload on.")
        static let key = Key<PublicKey>(
            "key", "table of `kty`, `crv`, `x` and optionally `kid`, `use`, `alg`",
            "The public key as a JWK (RFC 8037), as `usher key show` prints it."
        ) { node throws(ValueProblem) in
            guard case .table(let members) = node else { throw ValueProblem("is \(node.kind), not a table") }
            var jwk = JSONObject()
            for (name, member) in members.sorted(by: { $0.key < $1.key }) {
                guard case .string(let value) = member else {
                    throw ValueProblem("has a \(name) that is \(member.kind), not a string", part: name)
                }
                jwk.members.append(JSONObject.Member(name: Array(name.utf8), value: .string(Array(value.utf8))))
            }
            do throws(KeyError) {
                return try PublicKey(jwk: jwk)
            } catch {
                throw ValueProblem("is not an Ed25519 public key: \(error.detail)", part: error.member)
            }
        }

        static let all = [
            issuer.description, signs.description, uses.description, roles.description, accounts.description,
            revoked.description, key.description,
        ]
    }
}
