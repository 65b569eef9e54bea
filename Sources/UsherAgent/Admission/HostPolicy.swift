internal import Synchronization
internal import UsherConfig
internal import UsherEvidence
internal import UsherPolicy
internal import UsherStore
internal import UsherSystem
internal import UsherWire

/// What the host's files say, checked and resolved: configuration, trust entries, roles, and the numbers of the
/// groups and existing accounts that roles name. Resolved when it is read, so that no login waits for a name service.
struct HostPolicy: Sendable {
    var hostID: String
    var configuration: AgentConfiguration
    var trust: [TrustEntry]
    var roles: [String: Role]
    var detection: [DetectionRule]
    var mask: SecretMask
    var groupNumbers: [String: UInt32]
    var accountNumbers: [String: UInt32]
    /// What the files held, by its digest.
    var files: [(file: String, digest: LineHash)]

    init(_ files: HostFiles) throws(SystemError) {
        hostID = files.hostID
        configuration = files.configuration
        trust = files.trust
        roles = files.roles
        detection = files.detection
        mask = SecretMask(files.configuration.maskRules)
        groupNumbers = [:]
        accountNumbers = [:]
        self.files = files.files
        for role in files.roles.values {
            for group in role.groups {
                groupNumbers[group] = try Self.number(ofGroup: group, role: role.name)
            }
            for case .existing(let name) in role.accounts {
                guard let user = try Users.lookup(name) else {
                    throw SystemError("role \(role.name)", refused: "this host has no account \(name)")
                }
                accountNumbers[name] = user.uid
            }
        }
    }

    /// Files that a newer policy read with other bytes, with the digests of before and after.
    func changes(to new: HostPolicy) -> [(file: String, before: LineHash?, after: LineHash?)] {
        let before = Dictionary(files.map { ($0.file, $0.digest) }, uniquingKeysWith: { first, _ in first })
        let after = Dictionary(new.files.map { ($0.file, $0.digest) }, uniquingKeysWith: { first, _ in first })
        return Set(before.keys).union(after.keys).sorted().compactMap { file in
            before[file] == after[file] ? nil : (file, before[file], after[file])
        }
    }

    private static func number(ofGroup group: String, role: String) throws(SystemError) -> UInt32 {
        if let gid = RoleGroup.gid(ofName: Array(group.utf8).span) { return gid }
        guard let gid = try Groups.gid(named: group) else {
            throw SystemError(
                "role \(role)", refused: "this host has no group \(group); only groups named usher-… need not exist")
        }
        return gid
    }
}

/// The policy in force, replaced as a whole by a reload.
final class CurrentPolicy: Sendable {
    private let value: Mutex<HostPolicy>

    init(_ policy: HostPolicy) {
        value = Mutex(policy)
    }

    var now: HostPolicy { value.withLock { $0 } }

    func replace(by policy: HostPolicy) {
        value.withLock { $0 = policy }
    }
}
