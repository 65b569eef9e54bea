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
        let uses = reader.read(Keys.uses)
        let roles = reader.read(Keys.roles)
        let accounts = reader.read(Keys.accounts)
        let revoked = reader.read(Keys.revoked)
        let key = reader.read(Keys.key)
        let name = FileName.entry(of: file)
        if name.map({ Rule.roleName.accepts($0) }) != true {
            reader.report("the file's name is not \(Rule.roleName.form), and .toml")
        }
        try reader.finish()
        guard let issuer, let uses, let roles, let accounts, let revoked, let key, let name else {
            throw ConfigurationError(diagnostics: reader.diagnostics)
        }
        let entry = TrustEntry(
            name: name, issuer: issuer, key: key, uses: Set(uses.compactMap { Use(rawValue: $0) }), roles: roles,
            accounts: accounts.map { AccountSelector($0) }, revoked: revoked)
        return TrustFile(entry: entry, source: reader.source)
    }

    enum Keys {
        static let issuer = Key.text("issuer", .issuer, "The broker's name: a ticket's `iss` must equal it.")
        static let uses = Key.list(
            "uses", of: .choice(Use.allCases.map(\.rawValue)), counts: 1...3, fallback: ["login"],
            "What the key may sign tickets for.")
        static let roles = Key.list(
            "roles", of: .roleName, counts: 1...256, "Roles that the key may sign for, each by name.")
        static let accounts = Key.list(
            "accounts", of: .selector, counts: 1...256, fallback: ["ephemeral"],
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
            issuer.description, uses.description, roles.description, accounts.description, revoked.description,
            key.description,
        ]
    }
}
