internal import ArgumentParser
internal import UsherExport

struct EvidenceExportFile: Verb {
    static let configuration = CommandConfiguration(
        commandName: "file",
        abstract: "Append the evidence log to a file, or write it into a pipe.",
        discussion: """
            Lines are written as they stand in the log. A file is on the disk before the cursor moves. With --session \
            the numbers of the lines have gaps, and their completeness cannot be seen from them alone.

            EXAMPLES
              usher evidence export file - | jq -c 'select(.usher.kind == "exec")'
              usher evidence export file /srv/collector/evidence.jsonl --cursor /srv/collector/cursor --follow
              usher evidence export file session.jsonl --session s-k3j7x2mag5abcdef
            """)

    @Argument(help: ArgumentHelp("The file or named pipe; - for standard output.", valueName: "path"))
    var path: String

    @Option(help: ArgumentHelp("Only the lines of this session.", valueName: "session"))
    var session: SessionIdentifier?

    @OptionGroup var export: ExportOptions

    func perform(_ console: Console) throws {
        let exporter = Exporter(
            export.plan, toFile: path == "-" ? nil : path, session: session?.text, export.surroundings(console))
        do { try exporter.run() } catch { throw Failure(error) }
    }
}
