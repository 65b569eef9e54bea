internal import UsherAgent
internal import UsherClient
internal import UsherConfig
internal import UsherPolicy
internal import UsherSystem
internal import UsherTicket
internal import UsherWire

extension RootOptions {
    /// Root's alone on this host, as for the agent; in an image being built, also the builder's.
    private var rules: FileRules {
        isThisHost ? .rootOnly : FileRules(owner: CurrentProcess.effectiveUserID)
    }

    /// Everything in the configuration directory, right or wrong.
    func report() -> HostFilesReport {
        HostFilesReport(configurationPath: path(HostFiles.configurationPath), rules: rules)
    }

    /// The id of the host that is worked on.
    func hostID() throws -> String {
        let path = path("\(Paths.configuration)/host-id")
        let bytes: [UInt8]
        do {
            bytes = try Files.read(path, limit: 64, rules: rules)
        } catch {
            guard error.isNotFound else { throw error }
            throw Failure(
                "this host is not enrolled: there is no \(path); `usher host enrol` makes it", status: .notFound)
        }
        guard let id = HostID.parse(String(decoding: bytes, as: UTF8.self)) else {
            throw Failure(
                "\(path) does not hold h- and 16 base32 characters: make it again with usher host enrol --force")
        }
        return id
    }

    /// The public part of the key that signs receipts; nil when there is none yet.
    func hostKey() throws -> PublicKey? {
        let rules =
            isThisHost ? FileRules.rootSecret : FileRules(owner: CurrentProcess.effectiveUserID, forbiddenMode: 0o077)
        return try HostKey.load(path(HostKey.path), rules: rules)?.publicKey
    }

    /// The roles as the files have them, in the agent's own form.
    func roles() throws -> [ControlRole] {
        let report = report()
        let folder = path("\(Paths.configuration)/roles.d")
        if let mistake = report.errors.first(where: { $0.file.hasPrefix(folder) }) {
            throw Failure("\(mistake.description)\nsee usher role check")
        }
        return try report.roles.map(\.role).sorted { $0.name < $1.name }.map { role in
            try ControlRole(
                JSONObject([
                    ("name", .text(role.name)), ("accounts", .texts(role.accounts.map(\.description))),
                    ("groups", .texts(role.groups)), ("services", .texts(role.services)),
                    ("require", .texts(role.require.map(\.rawValue).sorted())),
                    ("maxDuration", .integer(role.maxDuration)),
                    ("idleTimeout", role.idleTimeout.map { .integer($0) }),
                    ("idleCounts", .text(role.idleCounts.rawValue)), ("shell", .text(role.shell)),
                    ("privileged", .boolean(role.privileged)),
                ]))
        }
    }
}
