internal import ArgumentParser
internal import UsherAgent
internal import UsherSystem
internal import UsherTicket
internal import UsherWire

struct HostEnrol: Verb {
    static let configuration = CommandConfiguration(
        commandName: "enrol",
        abstract: "Give this host its id and the directories of its configuration and state.",
        discussion: """
            Brokers name the id as the audience of tickets for this host. It is random, so that it says nothing of the \
            machine, and stays the same until it is replaced with --force: then every ticket issued for the former id \
            is refused, and brokers must learn the new one.

            Also makes the key that signs the receipts of sessions. Its private part never leaves this host; whoever \
            verifies receipts needs the public part, which `usher host show --key` prints. --force replaces it too and \
            keeps the public part of the former beside it in /var/lib/usher.

            EXAMPLES
              usher host enrol
              usher host enrol --root /mnt/image
            """)

    @Flag(help: "Replace an id that is there; tickets for the former one are refused from the agent's next start on.")
    var force = false

    @OptionGroup var output: OutputOptions
    @OptionGroup var root: RootOptions

    func perform(_ console: Console) throws {
        let file = root.path("\(Paths.configuration)/host-id")
        guard try force || Files.status(file) == nil else {
            throw Failure("this host is enrolled already: \(file) exists; replace the id with --force only if you must")
        }
        try makeDirectories()
        let id = HostID.make(random: try Randomness.bytes(10))
        try write(id, to: file)
        // Read as the agent will: a directory that others may write to makes the id worthless.
        guard try root.hostID() == id else { throw Failure("\(file) was changed while it was written") }
        let key = try makeKey()
        if output.json {
            try console.write(
                JSONText.line(.record(["id": .text(id), "key": try JSONText.parse(key.jwk())])))
        } else {
            try console.print("\(id)\n")
        }
        if force {
            console.notify(
                "usher: tickets for the former id are refused once usherd has been started again; tell your brokers\n")
        }
    }

    private func makeDirectories() throws {
        let owner = (uid: CurrentProcess.effectiveUserID, gid: CurrentProcess.effectiveGroupID)
        let configuration = "\(Paths.configuration)"
        for (path, mode) in [
            (configuration, 0o755), ("\(configuration)/trust.d", 0o755), ("\(configuration)/roles.d", 0o755),
            ("\(Paths.state)", 0o700),
        ] as [(String, UInt32)] {
            let path = root.path(path)
            // What is there keeps its mode: an administrator may have narrowed it.
            guard try Files.status(path) == nil else { continue }
            try Files.makeDirectory(path, mode: mode, uid: owner.uid, gid: owner.gid)
        }
    }

    /// A key that is there without an id was made by the agent and stays.
    private func makeKey() throws -> PublicKey {
        let path = root.path(HostKey.path)
        guard let former = try root.hostKey() else { return try HostKey.make(path).publicKey }
        guard force else { return former }
        return try HostKey.replace(
            former, at: path, uid: CurrentProcess.effectiveUserID, gid: CurrentProcess.effectiveGroupID
        ).publicKey
    }

    /// Never two ids at once: a first one is created, a later one takes its place by rename.
    private func write(_ id: String, to file: String) throws {
        let text = Array("\(id)\n".utf8)
        guard force else { return try NewFile.create(file, text, mode: 0o644) }
        try Files.writeAtomically(
            file, text, mode: 0o644, uid: CurrentProcess.effectiveUserID, gid: CurrentProcess.effectiveGroupID,
            durable: true)
    }
}
