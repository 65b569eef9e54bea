internal import Synchronization
internal import UsherConfig
internal import UsherPolicy
internal import UsherStore
internal import UsherSystem
internal import UsherWire

/// Makes the account of a session visible to the host, and takes it away: the files that the NSS module and
/// usher-shell read, and the home on its own tmpfs. Existing accounts are never touched.
final class Accounts: Sendable {
    static let directory = "\(Paths.accounts)"
    static let homes = "\(Paths.homes)"

    private let policy: CurrentPolicy
    /// Members of each role group, by group name; the lock also orders the writing of a group's files.
    private let members = Mutex<[String: Set<String>]>([:])

    init(policy: CurrentPolicy) throws(SystemError) {
        self.policy = policy
        try Files.makeDirectory(Self.directory, mode: 0o755, uid: 0, gid: 0)
        try Files.makeDirectory(Self.homes, mode: 0o755, uid: 0, gid: 0)
        try Files.removeStaleTemporaries(in: Self.directory)
        try publishGroups()
    }

    static func home(of account: String) -> String { "\(homes)/\(account)" }

    /// Makes home and records. Idempotent, so that a restart may do it again.
    func provision(_ session: Session) throws(SystemError) {
        guard session.admission.kind == .ephemeral else { return }
        try makeHome(session.admission)
        try publish(session)
    }

    /// Writes the records of an account that is live already.
    func publish(_ session: Session) throws(SystemError) {
        let admission = session.admission
        guard admission.kind == .ephemeral else { return }
        let groups = policy.now.groupNumbers
        let numbers = admission.groups.compactMap { groups[$0] }.map { "\($0)" }
        let record = Array(
            """
            \(AccountRecord.accountHeader)
            name \(admission.account)
            uid \(admission.uid)
            session \(session.id)
            ses \(session.auditSession)
            shell \(admission.shell)
            comment \(Self.comment(admission.ticket.subject))
            groups \(numbers.joined(separator: ","))

            """.utf8)
        for group in admission.groups where RoleGroup.gid(ofName: Array(group.utf8).span) != nil {
            try setMembership(of: admission.account, in: group, true)
        }
        try Files.writeAtomically("\(Self.directory)/uid.\(admission.uid)", record, mode: 0o644)
        try Files.writeAtomically("\(Self.directory)/\(admission.account)", record, mode: 0o644)
    }

    /// Removes the records. Idempotent.
    func withdraw(_ admission: Admission) throws(SystemError) {
        guard admission.kind == .ephemeral else { return }
        try Files.remove("\(Self.directory)/\(admission.account)")
        try Files.remove("\(Self.directory)/uid.\(admission.uid)")
        for group in admission.groups where RoleGroup.gid(ofName: Array(group.utf8).span) != nil {
            try setMembership(of: admission.account, in: group, false)
        }
    }

    /// Unmounts and removes the home. Idempotent.
    func removeHome(_ admission: Admission) throws(SystemError) {
        guard admission.kind == .ephemeral else { return }
        try Self.removeHome(at: Self.home(of: admission.account))
    }

    /// Writes a file for each role group, also for those without members.
    func publishGroups() throws(SystemError) {
        for role in policy.now.roles.values {
            for group in role.groups where RoleGroup.gid(ofName: Array(group.utf8).span) != nil {
                try setMembership(of: nil, in: group, true)
            }
        }
    }

    /// Removes what an earlier run left and no live session accounts for.
    ///
    /// - Returns: the names of what was removed.
    func removeUnknown(live: [Session]) throws(SystemError) -> [String] {
        let names = Set(live.map(\.admission.account))
        let uids = Set(live.map { "uid.\($0.admission.uid)" })
        var removed: [String] = []
        for home in try Files.list(Self.homes) where !names.contains(home) {
            try Self.removeHome(at: "\(Self.homes)/\(home)")
            removed.append("home \(home)")
        }
        for file in try Files.list(Self.directory) {
            guard !names.contains(file), !uids.contains(file), !file.hasPrefix("group."), !file.hasPrefix("gid.")
            else { continue }
            try Files.remove("\(Self.directory)/\(file)")
            removed.append("account file \(file)")
        }
        return removed
    }

    private func makeHome(_ admission: Admission) throws(SystemError) {
        let home = Self.home(of: admission.account)
        let configuration = policy.now.configuration
        try Files.makeDirectory(home, mode: 0o700, uid: 0, gid: 0)
        // A mount of its own has a device of its own; the list of all mounts would be long to read.
        guard try Files.status(home)?.device == Files.status(Self.homes)?.device else { return }
        try Mounts.mountTmpfs(
            home,
            TmpfsOptions(
                sizeBytes: UInt64(configuration.homeSizeMiB) << 20, mode: 0o700, uid: admission.uid,
                gid: admission.uid))
        try Files.copyTree(configuration.skeleton, into: home, uid: admission.uid, gid: admission.uid)
    }

    private static func removeHome(at home: String) throws(SystemError) {
        while try Mounts.unmount(home, detach: true) {}
        try Files.removeDirectory(home)
    }

    private func setMembership(of account: String?, in group: String, _ member: Bool) throws(SystemError) {
        guard let gid = RoleGroup.gid(ofName: Array(group.utf8).span) else { return }
        let failure = members.withLock { members -> SystemError? in
            var list = members[group, default: []]
            if let account {
                if member { list.insert(account) } else { list.remove(account) }
            }
            members[group] = list
            let record = Array(
                """
                \(AccountRecord.groupHeader)
                name \(group)
                gid \(gid)
                members \(list.sorted().joined(separator: ","))

                """.utf8)
            do throws(SystemError) {
                try Files.writeAtomically("\(Self.directory)/group.\(group)", record, mode: 0o644)
                try Files.writeAtomically("\(Self.directory)/gid.\(gid)", record, mode: 0o644)
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure }
    }

    /// A passwd comment must not hold a colon (the field separator) or a comma (GECOS subfields).
    private static func comment(_ subject: String) -> String {
        String(
            decoding: subject.utf8.map { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ",") ? 0x20 : $0 }, as: UTF8.self
        )
    }
}
