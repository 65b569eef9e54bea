import CUsherLinux
import Glibc
import Synchronization

/// Removes what one uid owns in a shared directory: a little at a time, so that a million files of one session hold
/// up no other's, and by descriptors only, so that no path is ever resolved twice. What is not the uid's own is not
/// touched: it is left and told. When it has seen all, a power cut brings nothing back.
public final class OwnedFileRemoval: Sendable {
    private let walk: Mutex<Walk>

    /// Nil when the directory does not exist.
    public init?(of uid: UInt32, in directory: Place) throws(SystemError) {
        guard let root = try OwnedFiles.open(directory) else { return nil }
        walk = Mutex(try Walk(uid: uid, root: root, path: directory.path, kind: directory.kind))
    }

    /// In an open directory that stands nowhere in the tree; `path` is for the report.
    init(of uid: UInt32, in root: consuming OwnedDescriptor, path: String, kind: String) throws(SystemError) {
        walk = Mutex(try Walk(uid: uid, root: root, path: path, kind: kind))
    }

    /// Goes on for so many names; true when it has seen all.
    public func proceed(names: Int) throws(SystemError) -> Bool {
        try walk.withLock { walk throws(SystemError) in try walk.proceed(names) }
    }

    /// How many names are gone so far.
    public var removedCount: Int { walk.withLock { $0.removedCount } }
    public var removed: [Residue] { walk.withLock { $0.removed.list } }
    public var left: [Residue] { walk.withLock { $0.left.list } }
}

/// A directory that the walk is in.
private final class Frame {
    let descriptor: OwnedDescriptor
    var stream: DirectoryStream
    /// In the directory above, ended by NUL; empty for the root.
    let name: [CChar]
    /// Whether the directory itself is the uid's, and goes when it is empty.
    let isOwned: Bool
    /// Gone since the names were last read from the beginning.
    var removed = 0
    /// Gone in all, with what was below.
    var total = 0
    /// Told and not removed, since then.
    var left = 0
    /// Subtrees from below were moved here.
    var hasArrivals = false
    /// In a directory of others, files go first and then directories: what could be run is gone soon.
    var isSecondPass = false
    var hasOwnedDirectories = false

    init(_ descriptor: consuming OwnedDescriptor, name: [CChar], isOwned: Bool, stage: String) throws(SystemError) {
        stream = try DirectoryStream.open(descriptor, stage: stage)
        self.descriptor = descriptor
        self.name = name
        self.isOwned = isOwned
    }

    func rewind(stage: String) throws(SystemError) {
        stream = try DirectoryStream.open(descriptor, stage: stage)
        (removed, left, hasArrivals) = (0, 0, false)
    }

    func next() throws(SystemError) -> [CChar]?? {
        try unsafe stream.next { bytes in unsafe OwnedFiles.name(bytes) }
    }
}

/// The state of a removal: the directories from the root to where it is.
private struct Walk {
    /// How many directories are open at once. A subtree that lies deeper is moved up to where the walk came into the
    /// uid's own, and is met again there.
    private static let depth = 40

    let uid: UInt32
    let path: String
    let kind: String
    var frames: [Frame]
    var removed = ResidueTally()
    var left = ResidueTally()
    var removedCount = 0
    private var moved = 0
    /// Its directories cannot get more of them: nothing runs that could make one.
    private let hasMounts: Bool

    init(uid: UInt32, root: consuming OwnedDescriptor, path: String, kind: String) throws(SystemError) {
        self.uid = uid
        hasMounts = try Mounts.hasFUSE(of: uid)
        self.path = path
        self.kind = kind
        frames = [try Frame(root, name: [], isOwned: false, stage: "list \(path)")]
    }

    mutating func proceed(_ names: Int) throws(SystemError) -> Bool {
        for _ in 0..<names {
            guard let frame = frames.last else { return true }
            guard let next = try frame.next() else {
                try finish(frame)
                continue
            }
            if let name = next { try visit(name, in: frame) }
        }
        return frames.isEmpty
    }

    /// What stands there is of another type than a moment ago: it is judged anew, so often.
    private static let exchanged = [ENOTDIR, EISDIR, ELOOP]
    private static let patience = 100

    private mutating func visit(_ name: [CChar], in frame: Frame, attempt: Int = 1) throws(SystemError) {
        do throws(SystemError) {
            let directory = frame.descriptor.rawValue
            let found =
                frame.isOwned && !hasMounts
                ? try OwnedFiles.status(name, in: directory, stage: stage)
                : try OwnedFiles.statusUnlessMount(name, in: directory, stage: stage)
            guard let status = found else { return }
            if OwnedFiles.isDirectory(status) {
                try self.directory(name, status, in: frame)
            } else if !frame.isOwned, frame.isSecondPass {
                return
            } else if status.st_uid == uid {
                try file(name, status, in: frame)
            } else if frame.isOwned {
                try foreignFile(name, status, in: frame)
            }
        } catch let failure where failure.isNotFound {
            return
        } catch let failure where Self.exchanged.contains(failure.errno) && attempt < Self.patience {
            try visit(name, in: frame, attempt: attempt + 1)
        } catch let failure where failure.errno == EXDEV || failure.errno == EBUSY {
            try mount(name, in: frame, failure)
        } catch let failure where failure.errno == EPERM || failure.errno == EROFS {
            leave(kind, name, in: frame, failure.message)
        }
    }

    // MARK: Files

    private mutating func file(_ name: [CChar], _ status: stat, in frame: Frame) throws(SystemError) {
        try unlink(name, status, in: frame)
        if !frame.isOwned {
            let isSetID = status.st_mode & S_IFMT == S_IFREG && status.st_mode & (S_ISUID | S_ISGID) != 0
            removed.add(isSetID ? "set-id-file" : kind, text(name, in: frame))
        }
    }

    /// A file of somebody else in a directory of the uid's: its last name is not ours to take, one of several is the
    /// directory's.
    private mutating func foreignFile(_ name: [CChar], _ status: stat, in frame: Frame) throws(SystemError) {
        guard status.st_mode & S_IFMT == S_IFREG, status.st_nlink > 1 else {
            return leave("foreign-file", name, in: frame, "belongs to uid \(status.st_uid)")
        }
        try unlink(name, status, in: frame)
    }

    private mutating func unlink(_ name: [CChar], _ status: stat, in frame: Frame) throws(SystemError) {
        do throws(SystemError) {
            try remove(name, in: frame, 0)
        } catch let failure where failure.errno == EPERM {
            try OwnedFiles.unlock(name, in: frame.descriptor.rawValue, of: uid, stage: stage)
            try remove(name, in: frame, 0)
        }
        count(frame)
    }

    private func remove(_ name: [CChar], in frame: Frame, _ flags: Int32) throws(SystemError) {
        // `name` is NUL-terminated.
        try SystemCall.run(stage) { unsafe unlinkat(frame.descriptor.rawValue, name, flags) }
    }

    // MARK: Directories

    private mutating func directory(_ name: [CChar], _ status: stat, in frame: Frame) throws(SystemError) {
        guard status.st_uid == uid else {
            if frame.isOwned {
                try foreignDirectory(name, status, in: frame)
            } else if OwnedFiles.isShared(status), !frame.isSecondPass, frames.count <= OwnedFiles.sharedDepth {
                try enter(name, in: frame, isOwned: false)
            }
            return
        }
        if frame.isOwned || frame.isSecondPass {
            guard frames.count < Self.depth else { return try moveUp(name, in: frame) }
            try enter(name, in: frame, isOwned: true)
        } else {
            frame.hasOwnedDirectories = true
            if status.st_mode & 0o7077 != 0 { try closeToOthers(name, status, in: frame) }
        }
    }

    /// An empty one goes; what is in it is not the uid's to lose.
    private mutating func foreignDirectory(_ name: [CChar], _ status: stat, in frame: Frame) throws(SystemError) {
        do throws(SystemError) {
            try remove(name, in: frame, AT_REMOVEDIR)
            count(frame)
        } catch let failure where failure.errno == ENOTEMPTY {
            leave("foreign-directory", name, in: frame, "belongs to uid \(status.st_uid)")
        }
    }

    private mutating func enter(_ name: [CChar], in frame: Frame, isOwned: Bool) throws(SystemError) {
        let below = try OwnedFiles.openBeneath(name, in: frame.descriptor.rawValue, stage: stage)
        let status = try FileStatus(of: below.rawValue, stage: stage)
        guard isOwned ? status.uid == uid : status.uid != uid else { return }
        frames.append(try Frame(below, name: name, isOwned: isOwned, stage: stage))
    }

    /// Nobody else comes to a set-id program in it while the walk is elsewhere.
    private func closeToOthers(_ name: [CChar], _ status: stat, in frame: Frame) throws(SystemError) {
        let below = try OwnedFiles.openBeneath(name, in: frame.descriptor.rawValue, stage: stage)
        guard try FileStatus(of: below.rawValue, stage: stage).uid == uid else { return }
        let mode = status.st_mode & 0o700
        guard fchmod(below.rawValue, mode) != 0 else { return }
        _ = usher_clear_file_flags(below.rawValue)
        try SystemCall.run(stage) { fchmod(below.rawValue, mode) }
    }

    /// To the outermost directory of the uid on the way here, under a name that is free there.
    private mutating func moveUp(_ name: [CChar], in frame: Frame) throws(SystemError) {
        guard let outermost = frames.first(where: \.isOwned) else { return }
        while true {
            moved += 1
            let target = ".usher-deep-\(moved)"
            do throws(SystemError) {
                // Both names are NUL-terminated and live for the call.
                try SystemCall.run(stage) {
                    unsafe usher_rename_to_free_name(
                        frame.descriptor.rawValue, name, outermost.descriptor.rawValue, target)
                }
                frame.removed += 1
                outermost.hasArrivals = true
                return
            } catch let failure where failure.isAlreadyThere {
                continue
            }
        }
    }

    /// All names of the directory were seen.
    private mutating func finish(_ frame: Frame) throws(SystemError) {
        if !frame.isOwned, !frame.isSecondPass, frame.hasOwnedDirectories {
            frame.isSecondPass = true
            return try frame.rewind(stage: stage)
        }
        guard frame.isOwned, let above = frames.dropLast().last else {
            if frame.total > 0 { try OwnedFiles.flush(frame.descriptor.rawValue, stage: stage) }
            frames.removeLast()
            return
        }
        do throws(SystemError) {
            do throws(SystemError) {
                try remove(frame.name, in: above, AT_REMOVEDIR)
            } catch let failure where failure.errno == EPERM {
                try OwnedFiles.unlock(frame.name, in: above.descriptor.rawValue, of: uid, stage: stage)
                try remove(frame.name, in: above, AT_REMOVEDIR)
            }
            frames.removeLast()
            count(above)
            above.total += frame.total
            if !above.isOwned { removed.add("directory", text(frame.name, in: above), count: frame.total + 1) }
        } catch let failure where failure.errno == ENOTEMPTY || failure.errno == EEXIST {
            // A file system may skip names while others are removed: read again as long as that helps.
            if frame.hasArrivals || (frame.removed > 0 && frame.left == 0) { return try frame.rewind(stage: stage) }
            frames.removeLast()
            above.total += frame.total
            leave("directory", frame.name, in: above, "not empty")
        } catch let failure where failure.isNotFound {
            frames.removeLast()
        } catch let failure where Self.exchanged.contains(failure.errno) {
            frames.removeLast()
            try visit(frame.name, in: above)
        } catch let failure where failure.isNotPermitted || failure.errno == EBUSY || failure.errno == EROFS {
            frames.removeLast()
            leave("directory", frame.name, in: above, failure.message)
        }
    }

    // MARK: Mounts

    /// A mount of the uid's own (FUSE) is taken out of the tree. Any other was made by root: told in a directory of the
    /// uid's, nothing to it elsewhere.
    private mutating func mount(_ name: [CChar], in frame: Frame, _ failure: SystemError) throws(SystemError) {
        guard try Mounts.detachOwn(name, in: frame.descriptor, uid: uid) else {
            if frame.isOwned { leave("mount", name, in: frame, failure.message) }
            return
        }
        removed.add("mount", text(name, in: frame))
        frame.removed += 1
        // What the mount covered is the uid's own directory.
        try visit(name, in: frame)
    }

    // MARK: Telling

    private mutating func count(_ frame: Frame) {
        removedCount += 1
        frame.removed += 1
        frame.total += 1
    }

    private mutating func leave(_ kind: String, _ name: [CChar], in frame: Frame, _ reason: String) {
        frame.left += 1
        left.add(kind, text(name, in: frame) + Array(" (\(reason))".utf8))
    }

    private func text(_ name: [CChar], in frame: Frame) -> [UInt8] {
        var bytes = Array(path.utf8)
        for each in frames {
            if each !== frames.first {
                bytes.append(UInt8(ascii: "/"))
                bytes += each.name.dropLast().map { UInt8(bitPattern: $0) }
            }
            if each === frame { break }
        }
        bytes.append(UInt8(ascii: "/"))
        return bytes + name.dropLast().map { UInt8(bitPattern: $0) }
    }

    private var stage: String { "remove files of uid \(uid) in \(path)" }
}
