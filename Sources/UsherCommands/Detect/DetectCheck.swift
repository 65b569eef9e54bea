internal import ArgumentParser
internal import UsherAgent
internal import UsherConfig
internal import UsherSystem
internal import UsherWire

struct DetectCheck: Verb {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check files of rules, each mistake with its line and column.",
        discussion: """
            Without files: every rule of this host. Fails when there is an error; a warning is none.

            EXAMPLES
              usher detect check
              usher detect check rules/reverse-shell.toml
              usher detect check --json
            """)

    @Argument(help: ArgumentHelp("Files to check instead of the host's.", valueName: "file"))
    var files: [String] = []

    @OptionGroup var output: OutputOptions
    @OptionGroup var root: RootOptions

    func perform(_ console: Console) throws {
        let (count, diagnostics) = try files.isEmpty ? checkHost() : DetectionFiles.read(files)
        let errors = diagnostics.filter { $0.severity == .error }
        if output.json {
            try console.write(JSONText.line(DiagnosticReport.json(diagnostics)))
        } else {
            DiagnosticReport.show(diagnostics, console)
            if errors.isEmpty { try console.print("\(counted(count.count, "rule")), no mistakes\n") }
        }
        guard errors.isEmpty else {
            throw Failure("the rules have \(counted(errors.count, "mistake"))")
        }
    }

    private func checkHost() -> ([DetectionFile], [Diagnostic]) {
        let report = root.report()
        let folder = root.path("\(Paths.configuration)/detect.d")
        return (report.detection, report.diagnostics.filter { $0.file.hasPrefix(folder) })
    }
}

/// Rules in files that the caller names.
enum DetectionFiles {
    static func read(_ files: [String]) throws -> ([DetectionFile], [Diagnostic]) {
        var rules: [DetectionFile] = []
        var diagnostics: [Diagnostic] = []
        for file in files {
            let contents = try FileContents(of: file, limit: 65_536)
            guard let text = String(validating: contents.bytes, as: UTF8.self) else {
                diagnostics.append(DiagnosticReport.error(file, "not UTF-8"))
                continue
            }
            do {
                rules.append(try DetectionFile.parse(file: file, text: text))
            } catch {
                diagnostics += error.diagnostics
            }
        }
        return (rules, diagnostics)
    }
}
