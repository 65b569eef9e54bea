internal import ArgumentParser
internal import UsherConfig
internal import UsherPolicy
internal import UsherSystem
internal import UsherWire

struct DetectTest: Verb {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract: "Try rules on stored evidence: what they would have found.",
        discussion: """
            Reads the lines of an evidence log in their order and shows every finding that the rules would have made, \
            with the time, the session and the event that was the last one needed. Nothing is ended, and nobody is \
            asked. Lines of earlier findings are passed over; a line that is no JSON ends it with its number.

            EXAMPLES
              usher detect test reverse-shell.toml --against /var/log/usher/evidence.jsonl
              usher detect test flood.toml failed-authentication.toml --against - --json < evidence.jsonl
            """)

    @Argument(help: ArgumentHelp("The rules.", valueName: "file"))
    var files: [String]

    @Option(help: ArgumentHelp("Evidence, one JSON object a line; - for standard input.", valueName: "file"))
    var against: String

    @OptionGroup var output: OutputOptions

    /// The most that is read: a log is rotated long before.
    private static let longest = 1 << 30

    func perform(_ console: Console) throws {
        let (rules, diagnostics) = try DetectionFiles.read(files)
        DiagnosticReport.show(diagnostics, console)
        guard diagnostics.isEmpty else { throw Failure("the rules have \(counted(diagnostics.count, "mistake"))") }
        let text =
            against == "-"
            ? try console.read(Self.longest) : try FileContents(of: against, limit: Self.longest).bytes
        var engine = DetectionEngine(rules.map(\.rule))
        var found: [(DetectionFinding, message: String)] = []
        var events = 0
        for (number, line) in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: true).enumerated() {
            guard let value = try? JSONParser.parse(Array(line).span), case .object(let object) = value else {
                throw Failure("\(against): line \(number + 1) is no JSON object of evidence")
            }
            guard let event = DetectionEvent(line: object) else { continue }
            events += 1
            let message = object["message"].flatMap { $0.bytes }.map { String(decoding: $0, as: UTF8.self) } ?? ""
            found += engine.look(event).map { ($0, message) }
        }
        try show(found, events: events, console)
    }

    private func show(_ found: [(DetectionFinding, message: String)], events: Int, _ console: Console) throws {
        if output.json {
            let values = found.map { finding, message in
                JSONValue.record([
                    "rule": .text(finding.rule.name), "severity": .text(finding.rule.severity.rawValue),
                    "session": .text(finding.session), "time": .number(finding.milliseconds / 1000),
                    "milliseconds": .number(finding.milliseconds), "count": .number(finding.count),
                    "actions": .texts(finding.rule.actions.map(\.rawValue).sorted()), "message": .text(message),
                ])
            }
            return try console.write(JSONText.line(.array(values)))
        }
        var table = Table(["TIME", "RULE", "SESSION", "COUNT", "ACTION", "EVENT"])
        for (finding, message) in found {
            table.rows.append([
                Moment(finding.milliseconds / 1000).cell(console.clock), Cell(finding.rule.name),
                Cell(finding.session), Cell("\(finding.count)"),
                Cell(finding.rule.actions.map(\.rawValue).sorted().joined(separator: ",")),
                Cell(Printable.line(message)),
            ])
        }
        try console.print(table.text(style: console.style))
        console.notify("\(counted(found.count, "finding")) in \(counted(events, "event"))\n")
    }
}

extension JSONValue {
    fileprivate var bytes: [UInt8]? {
        guard case .string(let bytes) = self else { return nil }
        return bytes
    }
}
