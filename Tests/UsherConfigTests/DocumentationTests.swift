import Foundation
import Testing
import UsherConfig

@Suite struct DocumentationTests {
    @Test func theConfigurationPageIsWhatTheKeysSay() throws {
        let path = "Docs/Configuration.md"
        if ProcessInfo.processInfo.environment["USHER_REWRITE_VECTORS"] == "1" {
            try Data(ConfigurationReference.markdown().utf8).write(to: Project.root.appendingPathComponent(path))
        }
        #expect(try Project.text(path) == ConfigurationReference.markdown())
    }

    @Test func theExampleOfTheAgentSpellsOutTheDefaults() throws {
        let example = try Project.text("packaging/examples/usherd.toml")
        let parsed = try AgentConfiguration.parse(file: "usherd.toml", text: example)
        #expect(parsed == (try AgentConfiguration.parse(file: "usherd.toml", text: "")))
        for key in [
            "skew", "admission_lifetime", "home_size_mib", "homes_budget_mib", "max_sessions", "max_duration",
            "uid_quarantine", "skeleton", "control_group", "log_level",
        ] {
            #expect(example.contains("\n\(key) = "), "\(key)")
        }
    }

    @Test func theExampleRolesAndTrustEntryAreRightAndFitTogether() throws {
        let folder = Project.root.appendingPathComponent("packaging/examples/roles.d")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        #expect(names == ["administrator.toml", "database.toml", "operator.toml"])
        let roles = try names.map { name in
            try RoleFile.parse(file: name, text: Project.text("packaging/examples/roles.d/\(name)"))
        }
        let trust = try TrustFile.parse(
            file: "example.toml", text: Project.text("packaging/examples/trust.d/example.toml.example"))
        #expect(CrossCheck.diagnostics(roles: roles, trust: [trust]).isEmpty)
    }
}
