internal import UsherEvidence
internal import UsherStore
internal import UsherSystem

/// Files that belong to an account by their name, and the directories in which jobs wait; of Debian, and where other
/// distributions have them.
struct Belongings: Sendable {
    let name: String
    let uid: UInt32

    init(_ admission: Admission) {
        name = admission.account
        uid = admission.uid
    }

    /// What would start something in the account's name later.
    var jobs: [Place] {
        [
            Place("/var/spool/cron/crontabs/\(name)", kind: "cron-job"),
            Place("/var/spool/cron/tabs/\(name)", kind: "cron-job"),
            Place("/var/spool/cron/\(name)", kind: "cron-job"),
            Place("/var/spool/incron/\(name)", kind: "cron-job"),
            Place("/var/lib/systemd/linger/\(name)", kind: "linger"),
        ]
    }

    /// at and batch name their files by number: what is the account's there shows by its owner. So does a crontab that
    /// was moved to another's name.
    static let jobSpools = [
        Place("/var/spool/cron/atjobs", kind: "at-job"),
        Place("/var/spool/cron/atspool", kind: "at-job"),
        Place("/var/spool/at", kind: "at-job"),
        Place("/var/spool/at/spool", kind: "at-job"),
        Place("/var/spool/cron/crontabs", kind: "cron-job"),
    ]

    /// What programs of root keep about the account. sudo names its time stamps by uid since 1.9.15.
    var records: [Place] {
        [
            Place("/run/sudo/ts/\(name)", kind: "sudo-timestamp"),
            Place("/run/sudo/ts/\(uid)", kind: "sudo-timestamp"),
            Place("/var/lib/sudo/lectured/\(name)", kind: "sudo-timestamp"),
            Place("/var/lib/sudo/lectured/\(uid)", kind: "sudo-timestamp"),
            Place("/run/faillock/\(name)", kind: "failed-logins"),
            Place("/var/mail/\(name)", kind: "mail"),
            Place("/var/spool/mail/\(name)", kind: "mail"),
        ]
    }

    /// Removes named files.
    static func remove(_ files: [Place], _ step: inout TeardownStep) throws(SystemError) {
        for file in files {
            switch try NamedFile.remove(file.path) {
            case .absent: break
            case .removed: step.removed.append(Finding(kind: file.kind, what: file.path))
            case .left(let reason): step.left.append(Finding(kind: file.kind, what: "\(file.path) (\(reason))"))
            }
        }
    }
}

extension Finding {
    init(_ residue: Residue) {
        self.init(kind: residue.kind, what: residue.what, count: residue.count)
    }
}
