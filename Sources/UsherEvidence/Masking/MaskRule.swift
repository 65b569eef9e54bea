/// One kind of secret in the arguments of a program, and how it is told from the rest.
public enum MaskRule: Hashable, Sendable, CustomStringConvertible {
    /// `option:--password`, `option:-p@sshpass`: the word behind it; only in the programs named, if any are.
    case option(String, programs: [String])
    /// `attached:-p@mysql,mysqldump`: what follows in the same word, in these programs alone.
    case attached(String, programs: [String])
    /// `login:-u@curl`: what stands behind the colon of `NAME:PASSWORD`, in the same or the next word.
    case login(String, programs: [String])
    /// `assignment:token`: the value of a name that ends so, behind `=`, or behind `:` where the name is in quotes.
    case assignment(String)
    /// `header:authorization`: the value of an HTTP header; its scheme (`Bearer`) stays.
    case header(String)
    /// `prefix:ghp_`: the rest of a word that begins so and goes on for 12 or more letters, digits, `_`, `-` and `.`.
    case prefix(String)
    /// `url`: the password of `scheme://user:password@host`.
    case url
    /// `private-key`: everything from `-----BEGIN … PRIVATE KEY-----` to the end of the argument.
    case privateKey

    /// A rule as the configuration spells it; nil for anything else.
    public init?(_ text: String) {
        if text == "url" {
            self = .url
            return
        }
        if text == "private-key" {
            self = .privateKey
            return
        }
        guard let colon = text.firstIndex(of: ":") else { return nil }
        let parts = text[text.index(after: colon)...].split(separator: "@", omittingEmptySubsequences: false)
        guard let name = parts.first.map({ String($0) }), Self.isName(name), parts.count <= 2 else { return nil }
        let programs = parts.count == 2 ? parts[1].split(separator: ",", omittingEmptySubsequences: false) : []
        let names = programs.map { String($0) }
        guard names.allSatisfy({ Self.isName($0) }) else { return nil }
        switch text[..<colon] {
        case "option" where name.hasPrefix("-"): self = .option(name, programs: names)
        case "attached" where name.hasPrefix("-") && !names.isEmpty: self = .attached(name, programs: names)
        case "login" where name.hasPrefix("-") && !names.isEmpty: self = .login(name, programs: names)
        case "assignment" where names.isEmpty && name.utf8.count >= 3: self = .assignment(name)
        case "header" where names.isEmpty: self = .header(name)
        case "prefix" where names.isEmpty && name.utf8.count >= 3: self = .prefix(name)
        default: return nil
        }
    }

    private static func isName(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                    true
                default: false
                }
            }
    }

    public var description: String {
        switch self {
        case .option(let name, let programs): "option:\(name)\(Self.suffix(programs))"
        case .attached(let name, let programs): "attached:\(name)\(Self.suffix(programs))"
        case .login(let name, let programs): "login:\(name)\(Self.suffix(programs))"
        case .assignment(let name): "assignment:\(name)"
        case .header(let name): "header:\(name)"
        case .prefix(let name): "prefix:\(name)"
        case .url: "url"
        case .privateKey: "private-key"
        }
    }

    private static func suffix(_ programs: [String]) -> String {
        programs.isEmpty ? "" : "@" + programs.joined(separator: ",")
    }

    /// What is masked unless the configuration takes it away.
    public static let builtIn: [MaskRule] =
        [
            "--password", "--passwd", "--passphrase", "--token", "--auth-token", "--access-token", "--secret",
            "--client-secret", "--secret-key", "--api-key", "--apikey", "--credential", "--private-key-password",
        ].map { .option($0, programs: []) }
        + [
            .option("-p", programs: ["sshpass"]), .attached("-p", programs: ["sshpass"]),
            .attached(
                "-p", programs: ["mysql", "mysqldump", "mysqladmin", "mariadb", "mariadb-dump", "mariadb-admin"]),
            .option("-a", programs: ["redis-cli"]), .option("-w", programs: ["ldapsearch", "ldapmodify", "ldapadd"]),
            .option("-passin", programs: ["openssl"]), .option("-passout", programs: ["openssl"]),
            .option("-pass", programs: ["openssl"]), .option("-k", programs: ["openssl"]),
            .login("-u", programs: ["curl"]), .login("--user", programs: ["curl"]),
            .login("-U", programs: ["curl"]), .login("--proxy-user", programs: ["curl"]),
        ]
        + [
            "password", "passwd", "passphrase", "mysql_pwd", "token", "secret", "secret_key", "secret-key",
            "secret_access_key", "access_key", "api_key", "api-key", "apikey", "private_key", "sshpass",
        ].map { .assignment($0) }
        + ["authorization", "proxy-authorization", "x-api-key", "x-auth-token", "x-vault-token", "cookie"].map {
            .header($0)
        }
        // GitHub, GitLab, Slack, AWS, Stripe, Vault, npm, and JSON Web Tokens (an Usher ticket is one).
        + [
            "ghp_", "gho_", "ghs_", "ghu_", "ghr_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "xoxa-", "AKIA", "ASIA",
            "sk_live_", "rk_live_", "hvs.", "npm_", "eyJ",
        ].map { .prefix($0) }
        + [.url, .privateKey]
}
