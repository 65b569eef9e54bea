internal import ArgumentParser
internal import UsherEvidence
internal import UsherSystem

struct Timeline: Verb {
    static let configuration = CommandConfiguration(
        commandName: "timeline",
        abstract: "Show everything that a session did, in the order in which it happened.",
        discussion: """
            Read from the evidence log, by root and the group usher-soc. In a pipe one record a line: time in UTC, kind \
            and words, separated by tabs. --json prints the lines of the log as they stand there. --follow goes on \
            with what happens until the session is closed. A record whose session the kernel did not name is marked \
            (inferred).

            EXAMPLES
              usher timeline s-k3j7x2mag5abcdef
              usher timeline s-k3j7x2mag5abcdef --follow
              usher timeline s-k3j7x2mag5abcdef --kind exec --kind connect --json
            """)

    @Argument(help: "The session's id: s- and 16 characters.")
    var id: SessionIdentifier

    @Flag(help: "Go on until the session is closed.")
    var follow = false

    @Option(help: ArgumentHelp("Only records of this kind, such as exec; can be given again.", valueName: "word"))
    var kind: [String] = []

    @OptionGroup var output: OutputOptions
    @OptionGroup var log: LogOptions

    /// How long nothing may come before the log is looked at again, milliseconds.
    private static let pause = 200

    func perform(_ console: Console) throws {
        let source = try EvidenceSource(log.log)
        let files = try source.open()
        let gathered = Gathered()
        var splitter = LineSplitter()
        for file in files {
            splitter = LineSplitter()
            try EvidenceSource.read(file, &splitter) { try take($0, gathered, console) }
        }
        guard gathered.found > 0 || follow else {
            throw Failure("the evidence in \(log.log) knows no session \(id.text)", status: .notFound)
        }
        try show(gathered, console)
        guard follow, source.isDirectory, var current = files.last else { return }
        while !gathered.isClosed {
            SystemClock.sleep(milliseconds: Self.pause)
            let path = source.path + "/" + EvidenceFiles.current
            let there = try Files.status(path)
            try EvidenceSource.read(current, &splitter) { try take($0, gathered, console) }
            if let there, there.inode != current.contents.status.inode || there.device != current.contents.status.device
            {
                current = EvidenceSource.File(
                    name: EvidenceFiles.current, first: nil, contents: try SequentialFile(path))
                splitter = LineSplitter()
                try EvidenceSource.read(current, &splitter) { try take($0, gathered, console) }
            }
            try show(gathered, console)
        }
    }

    /// What was read and not shown yet.
    private final class Gathered {
        var records: [EvidenceRecord] = []
        var found = 0
        var isClosed = false
    }

    private func take(_ piece: LineSplitter.Piece, _ gathered: Gathered, _ console: Console) throws {
        guard let line = line(piece) else { return }
        gathered.found += 1
        if line.kind == "closed" { gathered.isClosed = true }
        guard kind.isEmpty || kind.contains(line.kind) else { return }
        if output.json {
            try console.write(line.bytes + [UInt8(ascii: "\n")])
        } else {
            gathered.records.append(line.record)
        }
    }

    private func show(_ gathered: Gathered, _ console: Console) throws {
        defer { gathered.records = [] }
        // Events of the kernel come a moment later than what the agent says of itself.
        let text = gathered.records.sorted { $0.milliseconds < $1.milliseconds }.map { record in
            let time = EvidenceRow.time(record, clock: console.clock)
            let (kind, what) = (EvidenceRow.kind(record), EvidenceRow.what(record))
            guard console.style.isTerminal else {
                return "\(time.plain)\t\(Printable.line(kind.plain))\t\(Printable.line(what.plain))\n"
            }
            let word = Printable.line(kind.friendly)
            let padding = String(repeating: " ", count: max(1, 16 - word.count))
            return console.style.apply(.faint, time.friendly) + "  " + console.style.apply(kind.tone, word) + padding
                + console.style.apply(what.tone == .good ? .plain : what.tone, Printable.line(what.friendly)) + "\n"
        }.joined()
        if !text.isEmpty { try console.print(text) }
    }

    /// The line, if it is one of the session.
    private func line(_ piece: LineSplitter.Piece) -> EvidenceLine? {
        guard case .line(let bytes) = piece, bytes.contains(bytes: Array(id.text.utf8)),
            let line = try? EvidenceLine(parsing: bytes), line.session == id.text
        else { return nil }
        return line
    }
}
