internal import ArgumentParser
internal import UsherEvidence
internal import UsherWire

struct Search: Verb {
    static let configuration = CommandConfiguration(
        commandName: "search",
        abstract: "Find records of the evidence log by subject, command, file, time, session or kind.",
        discussion: """
            All conditions must hold; one that is given again holds with either value. Texts are parts of what they are \
            compared with: a subject, actor or owner, a command line, a path. Times are lengths back from now (2h, 3d) \
            or moments in UTC (2026-11-21 or 2026-11-21T09:46:00Z). The oldest come first. --json prints the lines of \
            the log as they stand there.

            EXAMPLES
              usher search --subject human:alice --since 1d
              usher search --file /etc/shadow --kind exec --kind file
              usher search --command curl --since 2026-11-21 --until 2026-11-22 --json
            """)

    @Option(help: ArgumentHelp("Who: a part of subject, actor or owner.", valueName: "text"))
    var subject: [String] = []

    @Option(help: ArgumentHelp("What ran: a part of a command line or of its executable.", valueName: "text"))
    var command: [String] = []

    @Option(help: ArgumentHelp("A part of a path.", valueName: "text"))
    var file: [String] = []

    @Option(help: ArgumentHelp("Of this session.", valueName: "id"))
    var session: [SessionIdentifier] = []

    @Option(help: ArgumentHelp("Of this kind, such as exec, refused or gap.", valueName: "word"))
    var kind: [String] = []

    @Option(help: ArgumentHelp("Not before this.", valueName: "time"))
    var since: SearchTime?

    @Option(help: ArgumentHelp("Before this.", valueName: "time"))
    var until: SearchTime?

    @Option(help: ArgumentHelp("At most this many records.", valueName: "count"))
    var limit = 10_000

    @OptionGroup var output: OutputOptions
    @OptionGroup var log: LogOptions

    func validate() throws {
        guard (1...1_000_000).contains(limit) else { throw ValidationError("--limit must be 1 to 1000000") }
    }

    /// What was found so far.
    private final class Found {
        var subjects = SessionSubjects()
        var table = Table(["TIME", "SESSION", "SUBJECT", "KIND", "WHAT"])
        var count = 0
        var isMore = false
    }

    func perform(_ console: Console) throws {
        let filter = EvidenceFilter(
            subjects: subject, commands: command, files: file, sessions: session.map(\.text), kinds: kind,
            from: since.map { $0.milliseconds(now: console.clock.now) },
            to: until.map { $0.milliseconds(now: console.clock.now) })
        let found = Found()
        for file in try EvidenceSource(log.log).open() where !found.isMore {
            _ = try EvidenceSource.read(file) { try take($0, filter, found, console) }
        }
        if found.isMore { console.notify("usher: there is more than \(counted(limit, "record")); see --limit\n") }
        guard !output.json else { return }
        if found.count == 0, console.style.isTerminal { return try console.print("No records.\n") }
        try console.print(found.table.text(style: console.style))
    }

    private func take(
        _ piece: LineSplitter.Piece, _ filter: EvidenceFilter, _ found: Found, _ console: Console
    ) throws {
        guard !found.isMore, case .line(let bytes) = piece, let line = try? EvidenceLine(parsing: bytes) else { return }
        found.subjects.take(line)
        guard filter.matches(line, found.subjects) else { return }
        guard found.count < limit else {
            found.isMore = true
            return
        }
        found.count += 1
        if output.json { return try console.write(bytes + [UInt8(ascii: "\n")]) }
        let record = line.record
        found.table.rows.append([
            EvidenceRow.time(record, clock: console.clock), Cell(record.session ?? "-"),
            Cell(found.subjects.of(line).first ?? "-"), EvidenceRow.kind(record), EvidenceRow.what(record),
        ])
    }
}

/// A length back from now, or a moment in UTC.
struct SearchTime: ExpressibleByArgument {
    private enum Value {
        case back(Int64)
        case at(Int64)
    }

    private let value: Value

    init?(argument: String) {
        if let moment = Moment(iso: argument) {
            value = .at(moment.seconds)
        } else if let span = TimeSpan(argument: argument) {
            value = .back(span.seconds)
        } else {
            return nil
        }
    }

    /// - Parameter now: seconds since 1970-01-01 UTC.
    func milliseconds(now: Int64) -> Int64 {
        switch value {
        case .back(let seconds): (now - seconds) * 1000
        case .at(let seconds): seconds * 1000
        }
    }
}
