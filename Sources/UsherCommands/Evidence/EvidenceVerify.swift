internal import ArgumentParser
internal import UsherAgent
internal import UsherClient
internal import UsherEvidence
internal import UsherSystem
internal import UsherTicket
internal import UsherWire

struct EvidenceVerify: Verb {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Verify the evidence log or a package, and say where it was changed.",
        discussion: """
            Every line must name the hash of the one before, every checkpoint must be signed by the key that the one \
            before it named, and the first by the host's key. Lines that were changed, removed, inserted or moved, \
            files that were swapped and checkpoints that were forged are told with their place, and the status is 3.

            Up to an anchor (a checkpoint that was kept elsewhere) the log is complete. Behind the last checkpoint \
            nobody can say whether there were more lines: that is told as not known, never as complete. Without an \
            anchor, root of the host could have written a whole new log.

            The key is the host's public one: from --key, or on the host itself from the agent.

            A package (`usher evidence package`) is verified in the same way, on any machine: its manifest, its lines up \
            to the checkpoint behind the session, and the receipt. Without --key the key that is in the package is used, \
            and that is told: then only what the package says of itself was verified.

            EXAMPLES
              usher evidence verify
              usher evidence verify --anchor anchors/db1 --json
              usher evidence verify case-42.tar --key db1.pub.jwk
              usher evidence verify /srv/evidence/db1 --key db1.pub.jwk --anchor anchors/db1
            """)

    @Argument(help: ArgumentHelp("The log's directory, one of its files, or a package.", valueName: "path"))
    var path = EvidenceFiles.directory

    @Option(help: ArgumentHelp("Checkpoints that were kept elsewhere, one a line.", valueName: "file"))
    var anchor: [String] = []

    @Option(help: ArgumentHelp("The host's public JWK, or a former one.", valueName: "file"))
    var key: [String] = []

    @OptionGroup var output: OutputOptions
    @OptionGroup var agent: AgentOptions

    /// The longest file of anchors that is read.
    private static let anchorBytes = 64 << 20

    func perform(_ console: Console) throws {
        let source = try EvidenceSource(path)
        if !source.isDirectory, TapeArchive.isArchive(try SequentialFile(path).next(512)) {
            return try verifyPackage(console)
        }
        var verifier = EvidenceVerifier(
            hostKeys: try keys(), anchors: try anchors(), isWhole: source.isDirectory)
        for file in try source.open() {
            verifier.beginFile(file.name, first: file.first)
            let unfinished = try EvidenceSource.read(file) { verifier.take($0) }
            verifier.endFile(unfinished: unfinished)
        }
        let verdict = verifier.finish()
        if output.json {
            try console.write(JSONText.line(EvidenceReport.json(verdict)))
        } else {
            try console.print(EvidenceReport.text(verdict, hasAnchors: !anchor.isEmpty, style: console.style))
        }
        guard verdict.isSound else {
            throw Failure("the evidence does not verify: \(counted(verdict.faultCount, "fault"))", status: .refused)
        }
    }

    private func verifyPackage(_ console: Console) throws {
        guard anchor.isEmpty else { throw Failure("a package has its own checkpoints: --anchor is for a log") }
        let verdict: EvidencePackage.Verdict
        do {
            verdict = try EvidencePackage.verify(
                FileContents(of: path, limit: TapeArchive.longest).bytes, keys: key.map { try KeyFile.publicKey($0) })
        } catch let error as ArchiveError {
            throw Failure("the package does not verify: \(Printable.line(error.detail))", status: .refused)
        }
        if output.json {
            try console.write(JSONText.line(EvidenceReport.json(verdict)))
        } else {
            try console.print(EvidenceReport.text(verdict, style: console.style))
        }
        guard verdict.isSound else {
            let faults = verdict.problems.count + verdict.evidence.faultCount
            throw Failure("the package does not verify: \(counted(faults, "fault"))", status: .refused)
        }
    }

    private func keys() throws -> [PublicKey] {
        guard key.isEmpty else { return try key.map { try KeyFile.publicKey($0) } }
        if CurrentProcess.effectiveUserID == 0, let own = try HostKey.load()?.publicKey { return [own] + formerKeys() }
        let answer = try agent.client.host()
        do {
            return [try PublicKey(jwk: Array(answer.key.utf8))]
        } catch {
            throw Failure("the agent's key cannot be used: \(error.detail)")
        }
    }

    /// Keys that the host had before it was enrolled anew; see `HostKey.replace`.
    private func formerKeys() -> [PublicKey] {
        let directory = HostKey.path.split(separator: "/").dropLast().map { "/" + $0 }.joined()
        let names = (try? Files.list(directory)) ?? []
        return names.filter { $0.hasPrefix("host-key-") && $0.hasSuffix(".pub.jwk") }.compactMap {
            try? KeyFile.publicKey(directory + "/" + $0)
        }
    }

    private func anchors() throws -> [EvidenceAnchor] {
        try anchor.flatMap { file in
            let bytes = try FileContents(of: file, limit: Self.anchorBytes).bytes
            do {
                return try EvidenceAnchor.parse(bytes, source: "the anchor in \(file)")
            } catch {
                throw Failure("\(file) cannot be used as an anchor: \(Printable.line("\(error)"))")
            }
        }
    }
}
