import Foundation
import Testing
import UsherPolicy

@testable import UsherConfig

@Suite struct DocumentationTests {
    @Test func theConfigurationPageIsWhatTheKeysSay() throws {
        let path = "Docs/Configuration.md"
        if ProcessInfo.processInfo.environment["USHER_REWRITE_VECTORS"] == "1" {
            try Data(ConfigurationReference.markdown().utf8).write(to: Project.root.appendingPathComponent(path))
        }
        #expect(try Project.text(path) == ConfigurationReference.markdown())
    }

    @Test func theExampleOfTheAgentSpellsOutTheDefaults() throws {
        let example = try Project.text("examples/usherd.toml")
        let parsed = try AgentConfiguration.parse(file: "usherd.toml", text: example)
        #expect(parsed == (try AgentConfiguration.parse(file: "usherd.toml", text: "")))
        for key in AgentConfiguration.Keys.all {
            // A key without a default, and one that needs it, stand there as comments.
            #expect(example.contains("\n\(key.name) = ") || example.contains("\n# \(key.name) = "), "\(key.name)")
        }
    }

    /// The examples are called KIND-NAME.toml after the folder and the file that they are copied to.
    func examples(_ kind: String) throws -> [(file: String, text: String)] {
        let names = try FileManager.default.contentsOfDirectory(atPath: Project.root.path + "/examples").sorted()
        return try names.filter { $0.hasPrefix(kind + "-") }.map { name in
            (String(name.dropFirst(kind.count + 1)), try Project.text("examples/\(name)"))
        }
    }

    @Test func theExampleRolesAndTrustEntriesAreRightAndFitTogether() throws {
        let roles = try examples("role").map { try RoleFile.parse(file: $0.file, text: $0.text) }
        let trust = try examples("trust").map { try TrustFile.parse(file: $0.file, text: $0.text) }
        #expect(roles.map(\.role.name) == ["administrator", "dba", "operator"])
        #expect(trust.map(\.entry.name) == ["broker"])
        #expect(CrossCheck.diagnostics(roles: roles, trust: trust).isEmpty)
    }

    /// Whoever copies the example without putting a key of their own in must not trust one that everybody has.
    @Test func theExampleTrustEntryAdmitsNobody() throws {
        for (file, text) in try examples("trust") {
            #expect(try TrustFile.parse(file: file, text: text).entry.revoked != nil)
        }
    }
}
