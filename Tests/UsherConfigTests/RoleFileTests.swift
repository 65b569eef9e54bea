import Testing
import UsherConfig
import UsherPolicy

@Suite struct RoleFileTests {
    func parse(_ text: String, file: String = "/etc/usher/roles.d/dba.toml") throws(ConfigurationError) -> RoleFile {
        try RoleFile.parse(file: file, text: text)
    }

    static let least = "name = \"dba\"\nmax_duration = 3600\n"

    @Test func theLeastRoleIsForEphemeralAccountsOverSSHAlone() throws {
        let role = try parse(Self.least).role
        #expect(role == Role(name: "dba", maxDuration: 3600))
        #expect(role.accounts == [.ephemeral] && role.services == ["sshd"] && role.groups.isEmpty)
        #expect(role.require.isEmpty && !role.privileged && role.shell == "/bin/bash" && role.idleTimeout == nil)
    }

    @Test func everyKeyIsRead() throws {
        let role = try parse(
            Self.least + """
                accounts = ["ephemeral", "postgres"]
                groups = ["usher-dba", "docker"]
                idle_timeout = 600
                services = ["sshd", "login"]
                require = ["approval", "key"]
                privileged = true
                shell = "/usr/bin/psql"
                """
        ).role
        #expect(
            role
                == Role(
                    name: "dba", accounts: [.ephemeral, .existing("postgres")], groups: ["usher-dba", "docker"],
                    maxDuration: 3600, idleTimeout: 600, services: ["sshd", "login"], require: [.approval, .key],
                    privileged: true, shell: "/usr/bin/psql"))
    }

    @Test(arguments: [
        ("accounts = []", "3:1: accounts has 0 elements, not 1 to 64"),
        ("accounts = \"ephemeral\"", "3:1: accounts is a string, not a list"),
        ("accounts = [\"a\", \"a\"]", "3:18: accounts element 2 repeats \"a\""),
        ("services = [\n  \"sshd\",\n  1,\n]", "5:3: services element 2 is an integer, not a string"),
        (
            "require = [\"approval\", \"luck\"]",
            "3:24: require element 2 is not one of `approval`, `change`, `source`, `key`"
        ),
        ("privileged = \"yes\"", "3:1: privileged is a string, not a boolean"),
        ("idle_timeout = 0", "3:1: idle_timeout is 0, not 1 to 604800 seconds"),
        ("shell = \"bash\"", "3:1: shell is not an absolute path without `.`, `..`, `:` or blanks"),
        (
            "groups = [\"a:b\"]",
            "3:11: groups element 1 is not a name of letters, digits, `_`, `.` and `-`, at most 32 characters"
        ),
        (
            "groups = [\"sudo\"]",
            "3:1: group \"sudo\" Debian's sudoers gives it every command: set privileged = true to mean it"
        ),
        ("accounts = [\"root\"]", "3:1: account \"root\" is root: set privileged = true to mean it"),
    ])
    func aWrongValueIsShownWhereItStands(text: String, place: String) {
        #expect(places(mistakes { () throws(ConfigurationError) in try parse(Self.least + text) }) == [place])
    }

    @Test func nameAndLengthMustBeGiven() {
        #expect(
            places(mistakes { () throws(ConfigurationError) in try parse("") }) == [
                "0:0: name is missing: a name of [a-z][a-z0-9-]*, at most 31 characters",
                "0:0: max_duration is missing: integer, 1 to 604800 seconds",
            ])
    }

    @Test(arguments: ["/etc/usher/roles.d/ops.toml", "dba.toml.bak", "dba", ".toml", "roles.d/DBA.toml"])
    func aFileThatIsNotCalledAfterItsRoleIsRefused(file: String) {
        let found = mistakes { () throws(ConfigurationError) in try parse(Self.least, file: file) }
        #expect(places(found) == ["1:1: name is \"dba\", so the file must be dba.toml"])
    }

    @Test(arguments: RootEquivalent.groups.keys.sorted())
    func aRootEquivalentGroupNeedsAPrivilegedRole(group: String) throws {
        let text = Self.least + "groups = [\"\(group)\"]\n"
        #expect(mistakes { () throws(ConfigurationError) in try parse(text) }.count == 1)
        #expect(try parse(text + "privileged = true\n").role.privileged)
    }

    @Test func theGroupsThatGiveRootOnDebianAreAllKnown() {
        for group in [
            "root", "sudo", "wheel", "adm", "docker", "lxd", "disk", "shadow", "kmem", "libvirt", "sys", "staff",
        ] {
            #expect(RootEquivalent.reason(group: group) != nil, "\(group)")
        }
        #expect(RootEquivalent.reason(group: "usher-dba") == nil)
    }
}
