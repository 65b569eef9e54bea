import Testing
import UsherConfig

@Suite struct AgentConfigurationTests {
    func parse(_ text: String) throws(ConfigurationError) -> AgentConfiguration {
        try AgentConfiguration.parse(file: "usherd.toml", text: text)
    }

    @Test func anEmptyFileHasTheDocumentedDefaults() throws {
        let configuration = try parse("")
        #expect(configuration.skew == 30 && configuration.admissionLifetime == 60)
        #expect(configuration.homeSizeMiB == 256 && configuration.homesBudgetMiB == 4096)
        #expect(configuration.maxSessions == 1000 && configuration.maxDuration == 43_200)
        #expect(configuration.uidQuarantine == 7_776_000)
        #expect(configuration.skeleton == "/etc/skel" && configuration.controlGroup == "usher")
        #expect(configuration.logLevel == .info)
    }

    @Test func everyKeyIsRead() throws {
        let configuration = try parse(
            """
            skew = 0
            admission_lifetime = 5
            home_size_mib = 1
            homes_budget_mib = 2
            max_sessions = 3
            max_duration = 61
            uid_quarantine = 0
            skeleton = "/srv/skel"
            control_group = "soc"
            log_level = "debug"
            """)
        #expect(configuration.skew == 0 && configuration.admissionLifetime == 5)
        #expect(configuration.homeSizeMiB == 1 && configuration.homesBudgetMiB == 2)
        #expect(configuration.maxSessions == 3 && configuration.maxDuration == 61 && configuration.uidQuarantine == 0)
        #expect(configuration.skeleton == "/srv/skel" && configuration.controlGroup == "soc")
        #expect(configuration.logLevel == .debug)
    }

    @Test(arguments: [
        ("skew = 61", "1:1: skew is 61, not 0 to 60 seconds"),
        ("skew = -1", "1:1: skew is -1, not 0 to 60 seconds"),
        ("skew = \"30\"", "1:1: skew is a string, not an integer"),
        ("skew = [30]", "1:1: skew is a list, not an integer"),
        ("skew = true", "1:1: skew is a boolean, not an integer"),
        ("\n# a comment\n  skew = 61", "3:3: skew is 61, not 0 to 60 seconds"),
        ("admission_lifetime = 4", "1:1: admission_lifetime is 4, not 5 to 60 seconds"),
        ("max_sessions = 10001", "1:1: max_sessions is 10001, not 1 to 10000 sessions"),
        ("max_duration = 59", "1:1: max_duration is 59, not 60 to 604800 seconds"),
        ("home_size_mib = 0", "1:1: home_size_mib is 0, not 1 to 65536 MiB"),
        ("home_size_mib = 5000", "0:0: homes_budget_mib is less than one home of 5000 MiB"),
        ("skeleton = \"etc/skel\"", "1:1: skeleton is not an absolute path without `.`, `..`, `:` or blanks"),
        ("skeleton = \"/etc/../root\"", "1:1: skeleton is not an absolute path without `.`, `..`, `:` or blanks"),
        ("skeleton = \"/\"", "1:1: skeleton is not an absolute path without `.`, `..`, `:` or blanks"),
        ("skeleton = 1", "1:1: skeleton is an integer, not a string"),
        (
            "control_group = \"a b\"",
            "1:1: control_group is not a name of letters, digits, `_`, `.` and `-`, at most 32 characters"
        ),
        (
            "log_level = \"loud\"",
            "1:1: log_level is not one of `trace`, `debug`, `info`, `notice`, `warning`, `error`, `critical`"
        ),
    ])
    func aWrongValueIsShownWhereItStands(text: String, place: String) {
        #expect(places(mistakes { () throws(ConfigurationError) in try parse(text) }) == [place])
    }

    @Test func anUnknownKeyIsRefusedWithTheKnownOnes() throws {
        let found = mistakes { () throws(ConfigurationError) in try parse("skew = 1\nskwe = 2\n[table]\na = 1\n") }
        #expect(found.map(\.line) == [2, 3])
        #expect(found[0].message.hasPrefix("unknown key \"skwe\"; known are admission_lifetime, control_group, "))
        #expect(found[0].quotedLine == "skwe = 2")
        #expect(found[1].message.hasPrefix("unknown key \"table\""))
    }

    @Test func everyMistakeIsShownAtOnceInTheOrderOfTheLines() throws {
        let found = mistakes { () throws(ConfigurationError) in
            try parse("zebra = 1\nskew = 99\nlog_level = 1\nalpha = 2\n")
        }
        #expect(found.map(\.line) == [1, 2, 3, 4])
    }

    @Test(arguments: [
        ("skew = 1\nskew = 2\n", "2:1: skew stands here a second time"), ("skew = \n", "1:8: a value is missing"),
        ("skew = 30.0", "1:8: neither an integer, nor true or false, nor a \"quoted string\""),
        ("log_level = \"info", "1:13: the string does not end on its line"),
        ("skew = 1\n\0max_sessions = 99999", "2:1: a control character"),
    ])
    func textThatIsNotTOMLIsRefusedWithItsPlace(text: String, place: String) {
        #expect(places(mistakes { () throws(ConfigurationError) in try parse(text) }) == [place])
    }

    @Test func aDiagnosticQuotesTheLineAndMarksTheColumn() {
        let found = mistakes { () throws(ConfigurationError) in try parse("# limits\n\tskew = 99 # too much\r\n") }
        #expect(
            found.map(\.description) == [
                "usherd.toml:2:2: error: skew is 99, not 0 to 60 seconds\n    \tskew = 99 # too much\n    \t^"
            ])
    }
}
