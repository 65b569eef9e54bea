internal import UsherEvidence

/// Which class and activity an event is of.
extension EvidenceMapper {
    /// Programs through which rights are changed on purpose: their PAM sessions are no logins.
    private static let doors: Set<String> = ["sudo", "su", "runuser", "pkexec", "doas", "run0", "sudo-rs", "su-rs"]

    static func subject(of event: AuditEvent) -> Subject {
        if event.systemCall == nil || event.type != "SYSCALL", let subject = subject(ofType: event) { return subject }
        if let call = event.systemCall { return subject(of: call, event) }
        let isAnomaly = event.type.hasPrefix("ANOM_") || event.type == "SECCOMP" || event.type == "AVC"
        return Subject(
            kind: isAnomaly ? .anomaly : .systemCall, category: .base, activity: 99,
            severity: isAnomaly ? .medium : .informational, verb: "caused \(event.type)")
    }

    /// By a record's type where that says what the event is.
    private static func subject(ofType event: AuditEvent) -> Subject? {
        let executable = event.process.map { String(decoding: $0.executable, as: UTF8.self) } ?? ""
        let isDoor = executable.split(separator: "/").last.map { doors.contains(String($0)) } ?? false
        switch event.type {
        case "USER_CMD":
            return Subject(kind: .privilege, category: .processActivity, activity: 5, verb: "ran with other rights")
        case "USER_START" where isDoor:
            return Subject(kind: .privilege, category: .processActivity, activity: 5, verb: "took other rights:")
        case "LOGIN":
            guard event.number("old-ses") != nil else {
                return Subject(kind: .login, category: .authentication, activity: 1, verb: "got a loginuid")
            }
            return Subject(
                kind: .loginuid, category: .processActivity, activity: 5, severity: .high, verb: "left its loginuid")
        case "USER_LOGIN", "USER_START":
            return Subject(kind: .login, category: .authentication, activity: 1, verb: "logged in:")
        case "USER_LOGOUT", "USER_END":
            return Subject(kind: .login, category: .authentication, activity: 2, verb: "logged out:")
        case "USER_AUTH", "USER_ACCT", "USER_ERR", "CRED_ACQ", "CRED_DISP", "CRED_REFR", "CRYPTO_KEY_USER",
            "CRYPTO_SESSION", "USER_CHAUTHTOK":
            if event.type == "USER_CHAUTHTOK" {
                return Subject(kind: .account, category: .accountChange, activity: 3, severity: .low, verb: "changed")
            }
            return Subject(
                kind: .authentication, category: .authentication, activity: 99,
                severity: event.succeeded == false ? .low : .informational, verb: "authenticated:")
        case "CONFIG_CHANGE", "FEATURE_CHANGE", "DAEMON_CONFIG", "DAEMON_RECONFIG", "DAEMON_ROTATE", "DAEMON_RESUME":
            return Subject(
                kind: .auditConfiguration, category: .entityManagement, activity: 3,
                severity: event.field("audit_enabled").map { $0 == [0x30] } == true ? .high : .medium,
                verb: "changed audit:")
        case "DAEMON_START":
            return Subject(
                kind: .auditConfiguration, category: .entityManagement, activity: 1, verb: "started auditd:")
        case "DAEMON_END", "DAEMON_ABORT", "DAEMON_CLOSE", "DAEMON_ERR":
            return Subject(
                kind: .auditConfiguration, category: .entityManagement, activity: 4, severity: .high,
                verb: "ended auditd:")
        default: return subject(ofAccountChange: event)
        }
    }

    private static func subject(ofAccountChange event: AuditEvent) -> Subject? {
        if event.type == "USER_MGMT", event.text("op") == "usher-session-begin" {
            return Subject(kind: .tag, category: .authorizeSession, activity: 1, verb: "has the tag")
        }
        // The agent's own word about the session's account, not a change of the host's accounts.
        if event.process?.auid == nil, event.text("op")?.hasPrefix("usher-") == true {
            return Subject(
                kind: .tag, category: .accountChange, activity: event.type == "ADD_USER" ? 1 : 6, verb: "has")
        }
        let activity: Int
        switch event.type {
        case "ADD_USER", "ADD_GROUP": activity = 1
        case "DEL_USER", "DEL_GROUP": activity = 6
        case "ACCT_LOCK": activity = 9
        case "ACCT_UNLOCK": activity = 2
        case "ROLE_ASSIGN": activity = 7
        case "ROLE_REMOVE": activity = 8
        case "USER_MGMT", "GRP_MGMT", "GRP_CHAUTHTOK", "CHGRP_ID", "CHUSER_ID", "USER_ROLE_CHANGE", "ROLE_MODIFY":
            activity = 99
        default: return nil
        }
        return Subject(
            kind: .account, category: .accountChange, activity: activity, severity: .low,
            verb: "changed accounts (\(event.type)):")
    }

    private static func subject(of call: AuditEvent.SystemCall, _ event: AuditEvent) -> Subject {
        switch call.name {
        case "execve", "execveat":
            return Subject(kind: .exec, category: .processActivity, activity: 1, verb: "ran")
        case "connect", "sendto", "sendmsg", "sendmmsg":
            guard case .internet? = event.address else {
                return Subject(
                    kind: .connect, category: .networkActivity, activity: call.succeeded ? 1 : 4, verb: "connected to")
            }
            return Subject(
                kind: .connect, category: .networkActivity,
                // A socket that does not wait answers EINPROGRESS, 115.
                activity: call.succeeded || call.exit == -115 ? 1 : 4, verb: "connected to")
        case "bind", "listen":
            return Subject(kind: .listen, category: .networkActivity, activity: 7, verb: "listens on")
        case "accept", "accept4":
            return Subject(kind: .accept, category: .networkActivity, activity: 1, verb: "was connected to by")
        case "setuid", "setreuid", "setresuid", "setgid", "setregid", "setresgid", "setfsuid", "setfsgid", "setgroups",
            "capset":
            return Subject(kind: .privilege, category: .processActivity, activity: 5, verb: "called \(call.name) in")
        case "ptrace", "process_vm_writev":
            return Subject(
                kind: .signal, category: .processActivity, activity: 4, severity: .medium,
                verb: "traced by \(call.name)")
        case "kill", "tkill", "tgkill", "pidfd_send_signal":
            return Subject(kind: .signal, category: .processActivity, activity: 99, verb: "sent a signal:")
        default: break
        }
        guard let (activity, verb) = fileActivity(call) else {
            return Subject(kind: .systemCall, category: .base, activity: 99, verb: "called \(call.name) in")
        }
        return Subject(kind: .file, category: .fileSystemActivity, activity: activity, verb: verb)
    }

    /// Activities of OCSF's File System Activity.
    private static func fileActivity(_ call: AuditEvent.SystemCall) -> (Int, String)? {
        switch call.name {
        case "open": return opened(call.arguments.dropFirst().first)
        case "openat": return opened(call.arguments.dropFirst(2).first)
        case "openat2": return (14, "opened")
        case "creat", "mknod", "mknodat", "mkdir", "mkdirat", "link", "linkat", "symlink", "symlinkat":
            return (1, "created")
        case "write", "pwrite64", "writev", "truncate", "ftruncate", "fallocate": return (3, "wrote")
        case "unlink", "unlinkat", "rmdir": return (4, "removed")
        case "rename", "renameat", "renameat2": return (5, "renamed")
        case "utime", "utimes", "utimensat", "futimesat": return (6, "changed the times of")
        case "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat", "setxattr",
            "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr":
            return (7, "changed the rights of")
        case "mount", "move_mount", "fsmount": return (12, "mounted")
        case "umount", "umount2": return (13, "unmounted")
        default: return nil
        }
    }

    /// By the flags of open(2), asm-generic/fcntl.h: O_ACCMODE 3, O_CREAT 0x40, O_TRUNC 0x200.
    private static func opened(_ flags: UInt64?) -> (Int, String) {
        guard let flags else { return (14, "opened") }
        if flags & 0x40 != 0 { return (1, "wrote") }
        return flags & 3 != 0 || flags & 0x200 != 0 ? (3, "wrote") : (2, "read")
    }
}
