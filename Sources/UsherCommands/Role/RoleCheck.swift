internal import ArgumentParser
internal import UsherAgent
internal import UsherConfig
internal import UsherSystem
internal import UsherWire

struct RoleCheck: Verb {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check role files, each mistake with its line and column.",
        discussion: """
            Without files: every role of this host, what trust entries say of them, and whether the groups, accounts \
            and shells that they name exist here. Fails when there is an error; a warning is none.

            EXAMPLES
              usher role check
              usher role check roles/dba.toml roles/operator.toml
              usher role check --json
            """)

    @Argument(help: ArgumentHelp("Role files to check instead of the host's.", valueName: "file"))
    var files: [String] = []

    @OptionGroup var output: OutputOptions
    @OptionGroup var root: RootOptions

    func perform(_ console: Console) throws {
        let (count, diagnostics) = try files.isEmpty ? checkHost() : checkFiles()
        let errors = diagnostics.filter { $0.severity == .error }
        if output.json {
            try console.write(JSONText.line(DiagnosticReport.json(diagnostics)))
        } else {
            DiagnosticReport.show(diagnostics, console)
            if errors.isEmpty { try console.print("\(counted(count, "role")), no mistakes\n") }
        }
        guard errors.isEmpty else {
            throw Failure("the roles have \(counted(errors.count, "mistake"))")
        }
    }

    private func checkFiles() throws -> (Int, [Diagnostic]) {
        var roles: [RoleFile] = []
        var diagnostics: [Diagnostic] = []
        for file in files {
            let contents = try FileContents(of: file, limit: 65_536)
            guard let text = String(validating: contents.bytes, as: UTF8.self) else {
                diagnostics.append(DiagnosticReport.error(file, "not UTF-8"))
                continue
            }
            do {
                roles.append(try RoleFile.parse(file: file, text: text))
            } catch {
                diagnostics += error.diagnostics
            }
        }
        return (roles.count, diagnostics + CrossCheck.diagnostics(roles: roles, trust: []))
    }

    private func checkHost() throws -> (Int, [Diagnostic]) {
        let report = root.report()
        let folders = ["roles.d", "trust.d"].map { root.path("\(Paths.configuration)/\($0)") }
        var diagnostics = report.diagnostics.filter { one in folders.contains { one.file.hasPrefix($0) } }
        if root.isThisHost {
            for file in report.roles { diagnostics += try HostFacts.diagnostics(file.role, folder: folders[0]) }
        }
        return (report.roles.count, diagnostics)
    }
}
