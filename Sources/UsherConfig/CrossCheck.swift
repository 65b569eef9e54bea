internal import UsherPolicy
internal import UsherTicket
internal import UsherWire

/// What no single file can be wrong about.
public enum CrossCheck {
    /// The kernel's audit rules name each existing account that a role opens, and every rule costs every
    /// process of the host (Docs/Architecture.md).
    public static let existingAccounts = 16

    /// Mistakes between files: errors that must keep the files from being used, and warnings.
    public static func diagnostics(
        roles: [RoleFile], trust: [TrustFile], detection: [DetectionFile] = []
    ) -> [Diagnostic] {
        keyCollisions(trust) + roleCollisions(roles) + groupCollisions(roles) + tooManyAccounts(roles)
            + unknownRoles(trust, roles) + unknownRoles(detection, roles)
    }

    private static func keyCollisions(_ trust: [TrustFile]) -> [Diagnostic] {
        var first: [String: TrustFile] = [:]
        var diagnostics: [Diagnostic] = []
        for file in trust {
            let keyID = file.entry.key.keyID
            if let other = first[keyID] {
                diagnostics.append(
                    file.source.diagnostic("key \(keyID) is also that of \(other.source.file)", at: ["key"]))
            } else {
                first[keyID] = file
            }
        }
        return diagnostics
    }

    private static func roleCollisions(_ roles: [RoleFile]) -> [Diagnostic] {
        var first: [String: RoleFile] = [:]
        var diagnostics: [Diagnostic] = []
        for file in roles {
            if let other = first[file.role.name] {
                diagnostics.append(
                    file.source.diagnostic("role \(file.role.name) is also in \(other.source.file)", at: ["name"]))
            } else {
                first[file.role.name] = file
            }
        }
        return diagnostics
    }

    /// Two names of role groups can have one gid, which would make them one group.
    private static func groupCollisions(_ roles: [RoleFile]) -> [Diagnostic] {
        var first: [UInt32: String] = [:]
        var diagnostics: [Diagnostic] = []
        for file in roles {
            for group in file.role.groups {
                guard let gid = RoleGroup.gid(ofName: Array(group.utf8).span) else { continue }
                if let other = first[gid], other != group {
                    let message = "group \(group) has the gid of group \(other): rename one"
                    diagnostics.append(file.source.diagnostic(message, at: ["groups"]))
                } else {
                    first[gid] = group
                }
            }
        }
        return diagnostics
    }

    private static func tooManyAccounts(_ roles: [RoleFile]) -> [Diagnostic] {
        var named: Set<AccountSelector> = []
        for file in roles {
            named.formUnion(file.role.accounts)
            guard named.subtracting([.ephemeral]).count > existingAccounts else { continue }
            return [
                file.source.diagnostic(
                    "roles open more than \(existingAccounts) existing accounts, each of which needs audit rules",
                    at: ["accounts"])
            ]
        }
        return []
    }

    private static func unknownRoles(_ trust: [TrustFile], _ roles: [RoleFile]) -> [Diagnostic] {
        let names = Set(roles.map(\.role.name))
        return trust.flatMap { file in
            file.entry.roles.filter { !names.contains($0) }.map { name in
                file.source.diagnostic("this host has no role \(name)", at: ["roles"], severity: .warning)
            }
        }
    }

    private static func unknownRoles(_ detection: [DetectionFile], _ roles: [RoleFile]) -> [Diagnostic] {
        let names = Set(roles.map(\.role.name))
        return detection.flatMap { file in
            [("role", file.rule.roles), ("except_role", file.rule.exceptRoles)].flatMap { key, roles in
                roles.subtracting(names).sorted().map { name in
                    file.source.diagnostic("this host has no role \(name)", at: [key], severity: .warning)
                }
            }
        }
    }
}
