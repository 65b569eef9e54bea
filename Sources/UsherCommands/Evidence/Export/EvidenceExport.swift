internal import ArgumentParser

struct EvidenceExport: Noun {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Send the evidence log to a SIEM, line by line, each at least once.",
        subcommands: [EvidenceExportSyslog.self, EvidenceExportJournald.self, EvidenceExportFile.self])
}
