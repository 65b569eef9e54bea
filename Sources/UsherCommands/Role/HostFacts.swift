internal import UsherConfig
internal import UsherPolicy
internal import UsherSystem
internal import UsherWire

/// Whether what a role names exists on this host.
enum HostFacts {
    static func diagnostics(_ role: Role, folder: String) throws(SystemError) -> [Diagnostic] {
        var missing: [String] = []
        for group in role.groups where RoleGroup.gid(ofName: Array(group.utf8).span) == nil {
            if try Groups.gid(named: group) == nil {
                missing.append("this host has no group \(group); only groups named usher-… need not exist")
            }
        }
        for case .existing(let name) in role.accounts where try Users.lookup(name) == nil {
            missing.append("this host has no account \(name)")
        }
        if try Files.status(role.shell) == nil {
            missing.append("this host has no shell \(role.shell)")
        }
        return missing.map { DiagnosticReport.error("\(folder)/\(role.name).toml", $0) }
    }
}
