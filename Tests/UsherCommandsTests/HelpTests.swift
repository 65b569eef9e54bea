import ArgumentParser
import Foundation
import Testing

@testable import UsherCommands

/// Help and manual say the same and leave nothing out.
@Suite struct HelpTests {
    @Test func everyArgumentIsInTheHelpOfItsCommandAndInTheManual() throws {
        for command in try CommandDescription.all() {
            let help = TestConsole().run(command.path + ["--help"]).output
            let page = try command.manualPage()
            for argument in command.arguments ?? [] where argument.shouldDisplay {
                #expect(argument.abstract?.isEmpty == false, "\(command.path) \(argument.valueName ?? "") has no help")
                for name in argument.names ?? [] {
                    let option = name.kind == "long" ? "--\(name.name)" : "-\(name.name)"
                    #expect(help.contains(option))
                    guard !["help", "h", "version"].contains(name.name) else { continue }
                    #expect(page.contains(option.replacing("-", with: "\\-")), "\(option) is not in the manual")
                }
            }
        }
    }

    @Test func everyVerbHasAnAbstractAndExamplesThatParse() throws {
        for command in try CommandDescription.all() {
            #expect(command.abstract?.isEmpty == false)
            guard command.subcommands?.isEmpty != false else { continue }
            let examples = command.examples
            #expect(!examples.isEmpty, "\(command.path) has no example")
            for example in examples {
                #expect(throws: Never.self, "\(example)") { _ = try Usher.parseAsRoot(Array(example.dropFirst())) }
            }
        }
    }

    @Test func everyVerbHasJSON() throws {
        for command in try CommandDescription.all() where command.subcommands?.isEmpty != false {
            // An export's own output is what it is for: lines of the log, which are JSON.
            guard !command.path.starts(with: ["evidence", "export"]) else { continue }
            #expect(command.arguments?.contains { $0.names?.contains { $0.name == "json" } == true } == true)
        }
    }

    /// USHER_WRITE_VECTORS=1 writes the file anew.
    @Test func helpIsAsItWas() throws {
        var text = ""
        for command in try CommandDescription.all() {
            text += "$ \(command.path.isEmpty ? "usher" : "usher " + command.path.joined(separator: " ")) --help\n"
            text += TestConsole().run(command.path + ["--help"]).output + "\n"
        }
        let file = Project.directory.appendingPathComponent("Tests/Vectors/usher-help.txt")
        if ProcessInfo.processInfo.environment["USHER_WRITE_VECTORS"] == "1" {
            try Data(text.utf8).write(to: file)
        }
        #expect(try Project.text("Tests/Vectors/usher-help.txt") == text)
    }
}

/// A command as `--experimental-dump-help` describes it.
struct CommandDescription: Decodable {
    struct Argument: Decodable {
        struct Name: Decodable {
            var kind: String
            var name: String
        }

        var abstract: String?
        var names: [Name]?
        var valueName: String?
        var shouldDisplay: Bool
    }

    var commandName: String
    var abstract: String?
    var discussion: String?
    var arguments: [Argument]?
    var subcommands: [CommandDescription]?
    var superCommands: [String]?

    /// Without the program's name.
    var path: [String] { Array(((superCommands ?? []) + [commandName]).dropFirst()) }

    /// Every command of `usher`, the root first.
    static func all() throws -> [CommandDescription] {
        struct Dump: Decodable { var command: CommandDescription }
        let text = TestConsole().run("--experimental-dump-help").output
        let root = try JSONDecoder().decode(Dump.self, from: Data(text.utf8)).command
        return root.withAllBelow
    }

    private var withAllBelow: [CommandDescription] {
        [self] + (subcommands ?? []).filter { $0.commandName != "help" }.flatMap(\.withAllBelow)
    }

    func manualPage() throws -> String {
        try Project.text("Docs/man/" + (path.first.map { "usher-\($0).1" } ?? "usher.1"))
    }

    /// The command lines below EXAMPLES, as words; what stands before a pipe or a redirection.
    var examples: [[String]] {
        guard let text = discussion, let start = text.range(of: "EXAMPLES\n") else { return [] }
        return text[start.upperBound...].replacing("\\\n", with: " ").split(separator: "\n").map { line in
            let command = line.prefix { !"|<>".contains($0) }
            return command.split(separator: "\"", omittingEmptySubsequences: false).enumerated().flatMap {
                index, part in
                index.isMultiple(of: 2) ? part.split(separator: " ").map(String.init) : [String(part)]
            }
        }
    }
}
