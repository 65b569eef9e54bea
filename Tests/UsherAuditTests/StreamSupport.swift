import Foundation

@testable import UsherAudit

/// Real audit records: what others wrote, and what stands here.
enum Logs {
    struct NoLogs: Error, CustomStringConvertible {
        var description: String { "no audit logs in \(Logs.folder.path): run Scripts/fetch-audit-logs" }
    }

    /// Where `Scripts/fetch-audit-logs` puts them; `USHER_AUDIT_LOGS` names another place.
    static let folder =
        ProcessInfo.processInfo.environment["USHER_AUDIT_LOGS"].map { URL(filePath: $0) }
        ?? URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../.build/audit-logs").standardizedFileURL

    /// Test data of audit-userspace, by file name.
    static func foreign() throws -> [(name: String, text: String)] {
        guard FileManager.default.fileExists(atPath: folder.path) else { throw NoLogs() }
        let logs = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "log" }.sorted { $0.path < $1.path }
            .map { ($0.lastPathComponent, String(decoding: try Data(contentsOf: $0), as: UTF8.self)) }
        guard !logs.isEmpty else { throw NoLogs() }
        return logs
    }

    /// What auditd 3.0.9 gave its plugin on a 6.18 kernel: a program in a session, with the end that its log leaves out.
    static let command = """
        type=SYSCALL msg=audit(1795280000.101:500): arch=c000003e syscall=59 success=yes exit=0 a0=55d0 a1=55d1 \
        a2=55d2 a3=8 items=2 ppid=900 pid=901 auid=1879050000 uid=1879050000 gid=1879050000 euid=1879050000 \
        suid=1879050000 fsuid=1879050000 egid=1879050000 sgid=1879050000 fsgid=1879050000 tty=pts3 ses=77 \
        comm="cp" exe="/usr/bin/cp" subj=unconfined key="usher-exec"\u{1D}ARCH=x86_64 SYSCALL=execve AUID="u-aaaaaaaaaa"
        type=EXECVE msg=audit(1795280000.101:500): argc=3 a0="cp" a1=2D2D6120620A a2="/tmp/x"
        type=CWD msg=audit(1795280000.101:500): cwd="/run/usher/home/u-aaaaaaaaaa"
        type=PATH msg=audit(1795280000.101:500): item=0 name="/usr/bin/cp" inode=421 dev=08:01 mode=0100755 ouid=0 \
        ogid=0 rdev=00:00 nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0\u{1D}OUID="root"
        type=PROCTITLE msg=audit(1795280000.101:500): proctitle=6370002D2D61
        type=EOE msg=audit(1795280000.101:500):

        """

    /// The same of a daemon that a site's own rule watches: nobody's here.
    static let daemon =
        command.replacingOccurrences(of: ":500)", with: ":501)")
        .replacingOccurrences(of: "auid=1879050000", with: "auid=4294967295")
        .replacingOccurrences(of: "usher-exec", with: "site-exec")
}

/// What a stream gives.
struct Outcome: Equatable {
    var events: [AuditEvent] = []
    var gaps: [EvidenceGap] = []
    /// Records that libauparse did not read.
    var unread = 0
    var largestQueue = 0
}

/// Everything that a stream of these bytes gives, read in chunks of a size.
func outcome(of bytes: [UInt8], chunk: Int = 65536, filters: Bool = true) -> Outcome {
    var stream = AuditStream(filters: filters)
    var result = Outcome()
    guard let parser = EventParser() else { return result }
    func drain() {
        result.largestQueue = max(result.largestQueue, stream.queuedBytes)
        while let item = stream.next() {
            switch item {
            case .gap(let gap): result.gaps.append(gap)
            case .event(let raw):
                let (event, unread) = parser.parse(raw)
                result.events.append(event)
                result.unread += unread
            }
        }
    }
    var start = 0
    while start < bytes.count {
        stream.take(Array(bytes[start..<min(start + chunk, bytes.count)]), now: 0, clock: 1000)
        start += chunk
        drain()
    }
    stream.age(now: 0, all: true)
    drain()
    return result
}

func outcome(of text: String, chunk: Int = 65536, filters: Bool = true) -> Outcome {
    outcome(of: Array(text.utf8), chunk: chunk, filters: filters)
}

/// The stamps in a log, and how many records it has, found by other means than the parser's.
func count(_ text: String) -> (stamps: Set<Substring>, records: Int) {
    let lines = text.split(separator: "\n").filter { !$0.contains("type=EOE") }
    return (
        Set(lines.compactMap { $0.split(separator: "audit(").dropFirst().first?.prefix { $0 != ")" } }), lines.count
    )
}
