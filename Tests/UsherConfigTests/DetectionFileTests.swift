import Testing
import UsherConfig
import UsherEvidence
import UsherPolicy
import UsherTicket

@Suite struct DetectionFileTests {
    func parse(_ text: String, file: String = "/etc/usher/detect.d/one.toml") throws(ConfigurationError)
        -> DetectionFile
    {
        try DetectionFile.parse(file: file, text: text)
    }

    static let least = "summary = \"what it means\"\non = [\"exec\"]\n"

    @Test func theLeastRuleIsANote() throws {
        let rule = try parse(Self.least).rule
        #expect(rule == DetectionRule(name: "one", summary: "what it means", on: [.exec]))
    }

    @Test func everyKeyIsRead() throws {
        let rule = try parse(
            """
            summary = "s"
            severity = "high"
            on = ["connect", "accept"]
            program = ["/usr/bin/nc"]
            network = ["10.0.0.0/8"]
            except_network = ["10.1.0.0/16"]
            port = [22, 443]
            result = "failure"
            role = ["dba"]
            except_role = ["operator"]
            count = 3
            within = 10
            quiet = 0
            action = ["warn", "end"]
            """
        ).rule
        let networks = [AddressRange("10.0.0.0/8"), AddressRange("10.1.0.0/16")].compactMap { $0 }
        #expect(
            rule
                == DetectionRule(
                    name: "one", summary: "s", severity: .high, on: [.connect, .accept],
                    programs: [Glob("/usr/bin/nc")], networks: [networks[0]], exceptNetworks: [networks[1]],
                    ports: [22, 443], result: .failure, roles: ["dba"], exceptRoles: ["operator"], count: 3,
                    within: 10, quiet: 0, actions: [.warn, .end]))
    }

    @Test(arguments: [
        ("colour = 1", "3:1: unknown key \"colour\""),
        ("severity = \"bad\"", "3:1: severity is not one of"),
        ("path = [\"/etc/*\"]", "3:1: path cannot be met by exec"),
        ("network = [\"10.0.0.1/8\"]", "3:12: network element 1 is not an IP address or a network"),
        ("port = [0]", "3:9: port element 1 is 0, not 1 to 65535"),
        ("doors = [\"/x\"]", "3:1: doors cannot be met by exec"),
        ("within = 5", "3:1: within says nothing without a count"),
        ("action = []", "3:1: action has 0 elements, not 1 to 4"),
        ("count = 0", "3:1: count is 0, not 1 to 1000000 events"),
    ])
    func aMistakeIsShownWhereItStands(text: String, place: String) {
        let found = places(mistakes { () throws(ConfigurationError) in try parse(Self.least + text) })
        #expect(found.contains { $0.hasPrefix(place) }, "\(found)")
    }

    @Test func whatCannotBeLeftOutIsMissed() {
        let empty = mistakes { () throws(ConfigurationError) in try parse("") }
        #expect(empty.count == 2)
        let gain = "summary = \"s\"\non = [\"privilege-gain\"]\n"
        let doorless = mistakes { () throws(ConfigurationError) in try parse(gain) }
        #expect(doorless.first?.message.contains("needs doors") == true)
        let named = mistakes { () throws(ConfigurationError) in try parse(Self.least, file: "detect.d/A B.toml") }
        #expect(named.first?.message.contains("the file's name") == true)
    }

    @Test func aRoleThatTheHostDoesNotHaveIsAWarning() throws {
        let file = try parse(Self.least + "role = [\"nobody\"]\n")
        let found = CrossCheck.diagnostics(roles: [], trust: [], detection: [file])
        #expect(found.map(\.severity) == [.warning] && places(found) == ["3:1: this host has no role nobody"])
    }

    @Test func maskRulesAreAddedAndTakenAway() throws {
        let text = "mask = [\"option:--pin\"]\nmask_except = [\"assignment:token\"]\n"
        let rules = try AgentConfiguration.parse(file: "usherd.toml", text: text).maskRules.map(\.description)
        #expect(rules.contains("option:--pin") && !rules.contains("assignment:token") && rules.contains("url"))
        for wrong in ["mask = [\"--pin\"]", "mask_except = [\"option:--pin\"]"] {
            let found = mistakes { () throws(ConfigurationError) in
                try AgentConfiguration.parse(file: "usherd.toml", text: wrong)
            }
            #expect(found.count == 1)
        }
    }
}
