internal import ArgumentParser
internal import UsherAgent
internal import UsherConfig
internal import UsherPolicy
internal import UsherWire

struct DetectList: Verb {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the rules in /etc/usher/detect.d.",
        discussion: """
            What the files say; the session agent applies them from its start or its last reload on. Fails when one of \
            them is wrong: `usher detect check` says where.

            EXAMPLES
              usher detect list
              usher detect list --json
            """)

    @OptionGroup var output: OutputOptions
    @OptionGroup var root: RootOptions

    func perform(_ console: Console) throws {
        let folder = root.path("\(Paths.configuration)/detect.d")
        let report = root.report()
        let wrong = report.errors.filter { $0.file.hasPrefix(folder) }
        guard wrong.isEmpty else {
            DiagnosticReport.show(wrong, console)
            throw Failure("the rules have \(counted(wrong.count, "mistake"))")
        }
        let rules = report.detection.map(\.rule)
        if output.json { return try console.write(JSONText.line(.array(rules.map(Self.value)))) }
        var table = Table(["RULE", "ON", "SEVERITY", "ACTION", "SUMMARY"])
        for rule in rules {
            table.rows.append([
                Cell(rule.name), Cell(rule.on.map(\.rawValue).sorted().joined(separator: ",")),
                rule.severity == .high || rule.severity == .critical
                    ? Cell(rule.severity.rawValue, tone: .attention) : Cell(rule.severity.rawValue),
                Cell(rule.actions.map(\.rawValue).sorted().joined(separator: ",")), Cell(rule.summary),
            ])
        }
        try console.print(table.text(style: console.style))
    }

    private static func value(_ rule: DetectionRule) -> JSONValue {
        .record([
            "name": .text(rule.name), "summary": .text(rule.summary), "severity": .text(rule.severity.rawValue),
            "on": .texts(rule.on.map(\.rawValue).sorted()), "count": .number(rule.count),
            "within": .number(rule.within), "actions": .texts(rule.actions.map(\.rawValue).sorted()),
        ])
    }
}
