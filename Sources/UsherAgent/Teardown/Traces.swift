internal import UsherSystem

/// Where on the host something of a uid was found, by one cheap look: most sessions have left nothing, and then there
/// is nothing more to do.
struct Traces: Sendable {
    /// Directories in which it owns something.
    var directories: [Place] = []
    var objects: [SystemVObject] = []
    var hasMessageQueues = false
    var hasKeys = false
    /// Somebody holds a socket of the uid although it has no process: it was handed on.
    var sockets: [OpenSocket] = []

    /// Where every account can leave files, in the order in which they are cleared: what the uid's own programs
    /// could be started from first. Mail spools are the group's, but deliver as the account.
    static let shared = [
        Place("/tmp"), Place("/var/tmp"), Place("/dev/shm", kind: "shared-memory"),
        Place("/run/lock"), Place("/run/screen"), runtimeDirectories,
        Place("/var/mail", kind: "mail"), Place("/var/spool/mail", kind: "mail"),
    ]

    /// logind's, one for each user.
    static let runtimeDirectories = Place("/run/user")

    /// - Returns: the traces of each uid, in the order of `uids`.
    static func find(
        _ uids: [UInt32], searches: OwnerSearches, queues: SharedQueues?
    ) throws(SystemError) -> [Traces] {
        let wanted = Set(uids)
        var traces: [UInt32: Traces] = [:]
        for directory in shared {
            for uid in try searches.owners(in: directory, among: wanted) {
                traces[uid, default: Traces()].directories.append(directory)
            }
        }
        for object in try SystemVObject.all() {
            for uid in Set([object.owner, object.creator]) where wanted.contains(uid) {
                traces[uid, default: Traces()].objects.append(object)
            }
        }
        if let queues {
            for uid in try queues.queues.owners(among: wanted) {
                traces[uid, default: Traces()].hasMessageQueues = true
            }
        }
        for uid in try Keyrings.users() where wanted.contains(uid) { traces[uid, default: Traces()].hasKeys = true }
        for socket in try OpenSocket.of(wanted) { traces[socket.uid, default: Traces()].sockets.append(socket) }
        return uids.map { uid in traces[uid] ?? Traces() }
    }
}
