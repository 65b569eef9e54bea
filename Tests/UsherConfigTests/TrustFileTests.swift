import Testing
import UsherConfig
import UsherPolicy
import UsherTicket

@Suite struct TrustFileTests {
    static let key = """
        [key]
        kty = "OKP"
        crv = "Ed25519"
        x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"

        """
    static let least = "issuer = \"https://broker.example\"\nroles = [\"dba\"]\n"

    func parse(_ text: String, file: String = "/etc/usher/trust.d/main.toml") throws(ConfigurationError) -> TrustFile {
        try TrustFile.parse(file: file, text: text)
    }

    @Test func theLeastEntryTrustsLoginsToEphemeralAccounts() throws {
        let entry = try parse(Self.least + Self.key).entry
        #expect(entry.name == "main" && entry.issuer == "https://broker.example" && entry.roles == ["dba"])
        #expect(entry.uses == [.login] && entry.accounts == [.ephemeral] && entry.revoked == nil)
        #expect(entry.key.keyID == "kPrK_qmxVWY")
    }

    @Test func everyKeyIsReadAlsoFromAnInlineTable() throws {
        let text =
            Self.least + """
                uses = ["login", "breakglass"]
                accounts = ["postgres"]
                revoked = "lost on 2027-01-01"
                key = {kty = "OKP", crv = "Ed25519", x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", use = "sig"}
                """
        let entry = try parse(text).entry
        #expect(entry.uses == [.login, .breakglass] && entry.accounts == [.existing("postgres")])
        #expect(entry.revoked == "lost on 2027-01-01")
    }

    @Test(arguments: [
        ("roles = []\n", key, "1:1: roles has 0 elements, not 1 to 256"),
        ("roles = [\"*\"]\n", key, "1:10: roles element 1 is not a name of [a-z][a-z0-9-]*, at most 31 characters"),
        ("roles = [\"a\"]\nuses = []\n", key, "2:1: uses has 0 elements, not 1 to 3"),
        ("roles = [\"a\"]\nrevoked = true\n", key, "2:1: revoked is a boolean, not a string"),
        ("roles = [\"a\"]\nrevoked = \"\"\n", key, "2:1: revoked is not 1 to 200 printable ASCII characters"),
        ("roles = [\"a\"]\n", "", "0:0: key is missing: table of `kty`, `crv`, `x` and optionally `kid`, `use`, `alg`"),
        ("roles = [\"a\"]\nkey = \"11qY\"\n", "", "2:1: key is a string, not a table"),
        (
            "roles = [\"a\"]\n", key + "d = \"secret\"\n",
            "7:1: key is not an Ed25519 public key: member 2 does not belong here: d is a private key"
        ),
        (
            "roles = [\"a\"]\n", key.replacing("OKP", with: "RSA"),
            "4:1: key is not an Ed25519 public key: kty is not OKP"
        ),
        (
            "roles = [\"a\"]\n", key.replacing("URo", with: "UR"),
            "6:1: key is not an Ed25519 public key: x is not 32 bytes in base64url"
        ),
        (
            "roles = [\"a\"]\n", key.replacing("x =", with: "x = 1 #"),
            "6:1: key has a x that is an integer, not a string"
        ),
        (
            "roles = [\"a\"]\n", key.replacing("x =", with: "y ="),
            "6:1: key is not an Ed25519 public key: member 3 does not belong here"
        ),
    ])
    func aWrongValueIsShownWhereItStands(head: String, key: String, place: String) {
        let text = head + "issuer = \"b\"\n" + key
        let found = places(mistakes { () throws(ConfigurationError) in try parse(text) })
        #expect(found == [place])
    }

    @Test(arguments: ["Main.toml", "main.toml.example", "a b.toml", "main"])
    func aFileWhoseNameIsNoEntryNameIsRefused(file: String) {
        #expect(mistakes { () throws(ConfigurationError) in try parse(Self.least + Self.key, file: file) }.count == 1)
    }
}

@Suite struct CrossCheckTests {
    func role(_ name: String, _ rest: String = "") throws -> RoleFile {
        try RoleFile.parse(file: "roles.d/\(name).toml", text: "name = \"\(name)\"\nmax_duration = 60\n\(rest)")
    }

    func trust(_ name: String, key: String = TrustFileTests.key) throws -> TrustFile {
        try TrustFile.parse(file: "trust.d/\(name).toml", text: TrustFileTests.least + key)
    }

    @Test func filesThatAgreeHaveNoDiagnostics() throws {
        let other = TrustFileTests.key.replacing(
            "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", with: "6kpsY-KcUgq-9VB7Ey7F-ZVHdq7-vnuSQh7qaRRG0iw")
        let found = CrossCheck.diagnostics(
            roles: [try role("dba", "groups = [\"usher-dba\"]"), try role("ops", "groups = [\"usher-dba\"]")],
            trust: [try trust("one"), try trust("two", key: other)])
        #expect(found.isEmpty)
    }

    @Test func oneKeyInTwoEntriesIsAnError() throws {
        let found = CrossCheck.diagnostics(roles: [try role("dba")], trust: [try trust("one"), try trust("two")])
        #expect(places(found) == ["3:1: key kPrK_qmxVWY is also that of trust.d/one.toml"])
        #expect(found.map(\.file) == ["trust.d/two.toml"] && found.map(\.severity) == [.error])
    }

    @Test func aTrustedRoleThatTheHostLacksIsAWarning() throws {
        let found = CrossCheck.diagnostics(roles: [], trust: [try trust("one")])
        #expect(places(found) == ["2:1: this host has no role dba"])
        #expect(found.map(\.severity) == [.warning])
    }

    @Test func oneRoleInTwoFilesIsAnError() throws {
        let found = CrossCheck.diagnostics(roles: [try role("dba"), try role("dba")], trust: [])
        #expect(places(found) == ["1:1: role dba is also in roles.d/dba.toml"])
    }

    @Test func twoRoleGroupsOfOneGidAreAnError() throws {
        let found = CrossCheck.diagnostics(
            roles: [try role("a", "groups = [\"usher-bkp\"]"), try role("b", "groups = [\"usher-ceh\"]")], trust: [])
        #expect(places(found) == ["3:1: group usher-ceh has the gid of group usher-bkp: rename one"])
    }

    @Test func moreThanSixteenExistingAccountsAreAnError() throws {
        let sixteen = (1...16).map { "\"a\($0)\"" }.joined(separator: ", ")
        let roles = [try role("dba", "accounts = [\"ephemeral\", \(sixteen)]")]
        #expect(CrossCheck.diagnostics(roles: roles, trust: []).isEmpty)
        let found = CrossCheck.diagnostics(roles: roles + [try role("ops", "accounts = [\"one-more\"]")], trust: [])
        #expect(found.map(\.file) == ["roles.d/ops.toml"])
    }
}
