import CUsherLinux
import Glibc
import Synchronization

/// Who owns something in a directory, or in what everybody may write below it. What a look found is remembered until
/// something is made, removed, renamed or opened to others there: most sessions leave nothing, and /tmp can be large.
public final class OwnerSearches: Sendable {
    private let known = Mutex<[Place: OwnerSearch]>([:])

    public init() {}

    /// Those of `uids` that own something there. A directory that does not exist or is a link has nothing.
    public func owners(in place: Place, among uids: Set<UInt32>) throws(SystemError) -> Set<UInt32> {
        guard let root = try OwnedFiles.open(place) else { return [] }
        let stage = "look through \(place.path)"
        if let search = known.withLock({ $0[place] }), try search.isStillTrue(of: root, stage: stage) {
            return search.owners(among: uids)
        }
        let search = try OwnerSearch.look(through: root, stage: stage)
        known.withLock { $0[place] = search.isSettled ? search : nil }
        return search.owners(among: uids)
    }
}

/// One look through a directory.
struct OwnerSearch: Sendable {
    /// A directory at the time of the look; it changes with each name in it, and with its permissions.
    private struct Stamp: Equatable, Sendable {
        var device: UInt64
        var inode: UInt64
        var modified: Int64
        var changed: Int64

        init(_ status: stat) {
            device = UInt64(status.st_dev)
            inode = UInt64(status.st_ino)
            modified = Self.nanoseconds(status.st_mtim)
            changed = Self.nanoseconds(status.st_ctim)
        }

        private static func nanoseconds(_ time: timespec) -> Int64 {
            Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
        }
    }

    /// Nanoseconds. Two changes within one tick of the kernel's clock can leave the same time stamp: what changed that
    /// shortly before the look may have changed after it too.
    private static let settling: Int64 = 1_000_000_000
    /// Looks that would take long to compare are not kept.
    private static let comparable = 4096

    private var owners: Set<UInt32> = []
    /// The directory itself, and all directories that were met, by their path below it, NUL-terminated.
    private var directories: [(path: [CChar], stamp: Stamp)] = []
    private let time = SystemClock.realtimeNanoseconds()

    /// Whether the next one that looks may take this for the truth as long as nothing changed.
    var isSettled: Bool {
        directories.count <= Self.comparable
            && directories.allSatisfy { max($0.stamp.modified, $0.stamp.changed) < time - Self.settling }
    }

    static func look(through root: borrowing OwnedDescriptor, stage: String) throws(SystemError) -> OwnerSearch {
        var search = OwnerSearch()
        let here: [CChar] = [CChar(UInt8(ascii: ".")), 0]
        if let status = try OwnedFiles.status(here, in: root.rawValue, stage: stage) {
            search.directories.append((here, Stamp(status)))
        }
        try search.look(into: root, below: [], stage: stage, depth: 0)
        return search
    }

    func owners(among uids: Set<UInt32>) -> Set<UInt32> { owners.intersection(uids) }

    /// The directories are compared from above: none is another one while its parent is unchanged.
    func isStillTrue(of root: borrowing OwnedDescriptor, stage: String) throws(SystemError) -> Bool {
        for (path, stamp) in directories {
            do throws(SystemError) {
                guard let status = try OwnedFiles.statusUnlessMount(path, in: root.rawValue, stage: stage),
                    Stamp(status) == stamp
                else { return false }
            } catch let failure where failure.errno == EXDEV || failure.errno == ENOTDIR || failure.errno == ELOOP {
                return false
            }
        }
        return true
    }

    private mutating func look(
        into directory: borrowing OwnedDescriptor, below path: [CChar], stage: String, depth: Int
    ) throws(SystemError) {
        var stream = try DirectoryStream.open(directory, stage: stage)
        while let next = try unsafe stream.next({ bytes in unsafe OwnedFiles.name(bytes) }) {
            guard let name = next else { continue }
            do throws(SystemError) {
                guard let status = try OwnedFiles.statusUnlessMount(name, in: directory.rawValue, stage: stage) else {
                    continue
                }
                owners.insert(status.st_uid)
                guard OwnedFiles.isDirectory(status), depth < OwnedFiles.sharedDepth else { continue }
                directories.append((path + name, Stamp(status)))
                guard OwnedFiles.isShared(status) else { continue }
                let below = try OwnedFiles.openBeneath(name, in: directory.rawValue, stage: stage)
                try look(
                    into: below, below: path + name.dropLast() + [CChar(UInt8(ascii: "/"))], stage: stage,
                    depth: depth + 1)
            } catch let failure where failure.isNotFound || failure.errno == ENOTDIR {
                continue
            } catch let failure where failure.errno == EXDEV {
                // Another file system is not a place that this directory shares; a user's own is the user's.
                if let user = try Mounts.userOfFUSE(on: name, in: directory) { owners.insert(user) }
            }
        }
    }
}
