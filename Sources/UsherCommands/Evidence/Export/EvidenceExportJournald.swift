internal import ArgumentParser
internal import UsherExport

struct EvidenceExportJournald: Verb {
    static let configuration = CommandConfiguration(
        commandName: "journald",
        abstract: "Write the evidence log into this host's journal, with fields.",
        discussion: """
            One entry a line: MESSAGE is the line's readable text, USHER_LINE the line itself, byte for byte; \
            USHER_SEQUENCE, USHER_PREVIOUS, USHER_KIND, USHER_SESSION, USHER_SUBJECT and others are for searching \
            (Docs/Export.md). journald drops what comes faster than its RateLimitBurst: run this in a unit with \
            LogRateLimitIntervalSec=0.

            EXAMPLES
              usher evidence export journald
              usher evidence export journald --cursor /var/lib/usher-export/journal --follow
            """)

    @Option(help: ArgumentHelp("Where journald takes its native protocol.", valueName: "path"))
    var journalSocket = "/run/systemd/journal/socket"

    @OptionGroup var export: ExportOptions

    func perform(_ console: Console) throws {
        let exporter = Exporter(export.plan, toJournal: journalSocket, export.surroundings(console))
        do { try exporter.run() } catch { throw Failure(error) }
    }
}
