internal import ArgumentParser
internal import UsherAgent
internal import UsherClient
internal import UsherConfig
internal import UsherEvidence
internal import UsherSystem
internal import UsherTicket
internal import UsherWire

struct EvidencePackageCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "package",
        abstract: "Put the evidence of one session into an archive that can be verified anywhere.",
        discussion: """
            A tar archive: who the session was and why (session.json), its timeline, a report for people to read and \
            print (report.html), the signed receipt, the lines of the log from the checkpoint before the session to the \
            one behind it, the checkpoints that prove them, the kernel's raw audit records of it (audit.log; secrets in \
            arguments are masked), and the host's public key. The host's key signs it, so root makes it. The lines of other sessions that stand between are in it as well: without them nobody could \
            verify the chain.

            `usher evidence verify FILE` checks it on any machine.

            EXAMPLES
              usher evidence package s-k3j7x2mag5abcdef --out case-42.tar
              usher evidence verify case-42.tar --key host.pub.jwk
            """)

    @Argument(help: "The session's id: s- and 16 characters.")
    var id: SessionIdentifier

    @Option(help: ArgumentHelp("The archive, which must not be there yet.", valueName: "file"))
    var out: String

    @Option(help: ArgumentHelp("auditd's log; its older files are beside it.", valueName: "file"))
    var auditLog = AuditExcerpt.log

    @OptionGroup var output: OutputOptions
    @OptionGroup var log: LogOptions
    @OptionGroup var agent: AgentOptions

    func perform(_ console: Console) throws {
        guard let key = try HostKey.load() else {
            throw Failure("this host has no key to sign with: usherd makes it when it starts", status: .notFound)
        }
        var slice = SessionSlice(session: id.text)
        for file in try EvidenceSource(log.log).open() where !slice.isComplete {
            _ = try EvidenceSource.read(file) { try slice.take($0) }
        }
        slice.trim()
        guard let host = slice.host else {
            throw Failure("the evidence in \(log.log) knows no session \(id.text)", status: .notFound)
        }
        let receipt = receiptText(console)
        let report = PackageReport(slice: slice, session: id.text, host: host, receipt: receipt, key: key.publicKey)
        var files = [
            ArchiveEntry(name: "report.html", bytes: Array(report.html.utf8)),
            ArchiveEntry(name: "timeline.txt", bytes: Array(report.timeline.utf8)),
            ArchiveEntry(name: "session.json", bytes: JSONText.line(report.facts)),
            ArchiveEntry(name: EvidencePackage.slice, bytes: Self.text(slice.lines)),
            ArchiveEntry(name: EvidencePackage.checkpoints, bytes: Self.text(slice.checkpoints)),
        ]
        if let records = try auditRecords(slice, console) {
            files.append(ArchiveEntry(name: "audit.log", bytes: records))
        }
        if let receipt { files.append(ArchiveEntry(name: EvidencePackage.receipt, bytes: Array(receipt.utf8))) }
        let archive: [UInt8]
        do {
            archive = try EvidencePackage.make(
                host: host, session: id.text, files: files, key: key, at: console.clock.now)
        } catch {
            throw Failure("the package cannot be signed: \(error.detail)")
        }
        try NewFile.create(out, archive, mode: 0o600)
        if !slice.isSigned {
            console.notify("usher: no checkpoint follows the session's last line yet: its end is chained, not signed\n")
        }
        if output.json {
            return try console.write(
                JSONText.line(
                    .record([
                        "file": .text(out), "bytes": .number(archive.count), "session": .text(id.text),
                        "records": .number(slice.records.count), "signed": .boolean(slice.isSigned),
                        "receipt": .boolean(receipt != nil),
                    ])))
        }
        try console.print("\(out)\t\(counted(slice.records.count, "record"))\t\(archive.count) bytes\n")
    }

    /// The signed records of the session's end; nil while it is open, or where nobody answers.
    private func receiptText(_ console: Console) -> String? {
        do {
            return try agent.client.receipt(id: id.text).map { $0 + "\n" }.joined()
        } catch {
            console.notify("usher: the package has no receipt: \(Failure(error).message)\n")
            return nil
        }
    }

    /// What auditd kept of the session; nil where it keeps nothing, or nobody knows the session's number.
    private func auditRecords(_ slice: SessionSlice, _ console: Console) throws -> [UInt8]? {
        guard let opened = slice.opened, case .integer(let number)? = opened.record.details["audit_session"],
            try Files.status(auditLog) != nil
        else {
            console.notify("usher: the package has no audit records: there is no \(auditLog)\n")
            return nil
        }
        let rules: [MaskRule]
        do {
            rules = try HostFiles(HostFilesReport()).configuration.maskRules
        } catch {
            throw Failure("usherd.toml cannot be read, which says what has to be masked: see usherd --check")
        }
        let last = slice.records.map(\.milliseconds).max() ?? opened.record.milliseconds
        let first = opened.record.milliseconds / 1000
        let excerpt = try AuditExcerpt(
            number: number, seconds: first...max(first, last / 1000), mask: SecretMask(rules), path: auditLog)
        if excerpt.isCut { console.notify("usher: the package does not hold all audit records: they are too many\n") }
        return excerpt.text
    }

    private static func text(_ lines: [[UInt8]]) -> [UInt8] {
        var text: [UInt8] = []
        for line in lines {
            text += line
            text.append(UInt8(ascii: "\n"))
        }
        return text
    }
}
