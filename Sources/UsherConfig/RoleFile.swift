public import UsherPolicy

/// `/etc/usher/roles.d/NAME.toml`, checked.
public struct RoleFile: Equatable, Sendable {
    public var role: Role
    let source: SourceText

    /// The role of a file, or every mistake in it. The last component of `file` must be the role's name with
    /// `.toml`: a copied file whose name was not changed inside is a mistake.
    public static func parse(file: String, text: String) throws(ConfigurationError) -> RoleFile {
        var reader = try TableReader(file: file, text: text)
        let name = reader.read(Keys.name)
        let accounts = reader.read(Keys.accounts)
        let groups = reader.read(Keys.groups)
        let maxDuration = reader.read(Keys.maxDuration)
        let idleTimeout = reader.read(Keys.idleTimeout)
        let idleCounts = reader.read(Keys.idleCounts)
        let services = reader.read(Keys.services)
        let require = reader.read(Keys.require)
        let privileged = reader.read(Keys.privileged)
        let shell = reader.read(Keys.shell)
        let onGap = reader.read(Keys.onGap)
        if let name, FileName.entry(of: file) != name {
            reader.report("name is \"\(name)\", so the file must be \(name).toml", at: Keys.name.name)
        }
        if privileged == false {
            for group in groups ?? [] {
                guard let reason = RootEquivalent.reason(group: group) else { continue }
                reader.report("group \"\(group)\" \(reason): set privileged = true to mean it", at: Keys.groups.name)
            }
            for account in accounts ?? [] {
                guard let reason = RootEquivalent.reason(account: account) else { continue }
                reader.report(
                    "account \"\(account)\" \(reason): set privileged = true to mean it", at: Keys.accounts.name)
            }
        }
        try reader.finish()
        guard let name, let accounts, let groups, let maxDuration, let idleTimeout, let idleCounts, let services,
            let require, let privileged, let shell, let onGap
        else { throw ConfigurationError(diagnostics: reader.diagnostics) }
        let role = Role(
            name: name, accounts: accounts.map { AccountSelector($0) }, groups: groups, maxDuration: maxDuration,
            idleTimeout: idleTimeout, idleCounts: IdleCounts(rawValue: idleCounts) ?? .input, services: services,
            require: Set(require.compactMap { Requirement(rawValue: $0) }), privileged: privileged, shell: shell,
            onGap: OnGap(rawValue: onGap) ?? .mark)
        return RoleFile(role: role, source: reader.source)
    }

    enum Keys {
        static let name = Key.text(
            "name", .roleName, "The role's name; the file must be called after it.")
        static let accounts = Key.list(
            "accounts", of: .selector, counts: 1...64, fallback: ["ephemeral"],
            "Accounts that the role opens: `ephemeral` for accounts made for the session, or existing ones by name.")
        static let groups = Key.list(
            "groups", of: .accountName, counts: 0...32, fallback: [],
            "Groups of the session. One named `usher-*` needs no entry in /etc/group; any other must exist on the host."
        )
        static let maxDuration = Key.integer(
            "max_duration", 1...604_800, "seconds", "Longest session; a ticket can only shorten it.")
        static let idleTimeout = Key<Int64?>.optionalInteger(
            "idle_timeout", 1...604_800, "seconds", absent: "no limit",
            "Time without activity after which the session ends; a ticket can only shorten it.")
        static let idleCounts = Key.text(
            "idle_counts", .choice(IdleCounts.allCases.map(\.rawValue)), fallback: IdleCounts.input.rawValue,
            "What is activity: `input`, what is typed on the session's terminals, or `io`, also what its processes do: "
                + "a tenth of a processor or 16 KiB a second, and output alone three times in a row. A session without "
                + "a terminal is judged by its processes in any case.")
        static let services = Key.list(
            "services", of: .accountName, counts: 1...16, fallback: ["sshd"], "PAM services that the role is for.")
        static let require = Key.list(
            "require", of: .choice(Requirement.allCases.map(\.rawValue)), counts: 0...4, fallback: [],
            "What a ticket must carry: approval id, change number, source address, fingerprint of an SSH key.")
        static let privileged = Key.flag(
            "privileged", fallback: false,
            "Says that the role may name the accounts and groups below, which give root.")
        static let shell = Key.text(
            "shell", .path, fallback: "/bin/bash", "Login shell of the session in an ephemeral account.")
        static let onGap = Key.text(
            "on_gap", .choice(OnGap.allCases.map(\.rawValue)), fallback: OnGap.mark.rawValue,
            "What becomes of a session while evidence may be missing (lost audit records, auditd down): `mark` it in its "
                + "timeline, or `end` it.")

        static let all = [
            name.description, accounts.description, groups.description, maxDuration.description,
            idleTimeout.description, idleCounts.description, services.description, require.description,
            privileged.description,
            shell.description, onGap.description,
        ]
    }
}

/// Entries are named by their files.
enum FileName {
    /// The last component without `.toml`; nil when it does not end so.
    static func entry(of file: String) -> String? {
        let last = file.split(separator: "/").last.map { String($0) } ?? ""
        return last.hasSuffix(".toml") && last.utf8.count > 5 ? String(last.dropLast(5)) : nil
    }
}
