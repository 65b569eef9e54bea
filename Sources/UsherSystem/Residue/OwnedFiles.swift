import CUsherLinux
import Glibc

/// A directory where accounts leave files, or a file of one's own, and the word for what is left there.
public struct Place: Sendable, Hashable {
    public let path: String
    public let kind: String

    public init(_ path: String, kind: String = "file") {
        self.path = path
        self.kind = kind
    }
}

/// Looks for files by their owner, in one pass for many owners.
public enum OwnedFiles {
    /// Directories of other people that anybody may write are looked into so deep; see `Docs/Architecture.md` for
    /// what finds the rest.
    static let sharedDepth = 4

    static func owners(
        in root: borrowing OwnedDescriptor, stage: String, among uids: Set<UInt32>
    ) throws(SystemError) -> Set<UInt32> {
        try OwnerSearch.look(through: root, stage: stage).owners(among: uids)
    }

    /// Nil when there is no such directory.
    static func open(_ directory: Place) throws(SystemError) -> OwnedDescriptor? {
        do throws(SystemError) {
            return try Descriptors.open(
                directory.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, stage: "open \(directory.path)")
        } catch let failure where failure.errno == ENOENT || failure.errno == ENOTDIR || failure.errno == ELOOP {
            return nil
        }
    }

    /// A name as readdir gives it, ended by NUL; nil for `.` and `..`.
    static func name(_ bytes: UnsafeBufferPointer<UInt8>) -> [CChar]? {
        let isDots = unsafe bytes.count <= 2 && bytes.allSatisfy { $0 == UInt8(ascii: ".") }
        if isDots { return nil }
        // The array has one element more than the name has bytes.
        return unsafe [CChar](unsafeUninitializedCapacity: bytes.count + 1) { buffer, count in
            for index in 0..<bytes.count { unsafe buffer[index] = CChar(bitPattern: bytes[index]) }
            unsafe buffer[bytes.count] = 0
            count = bytes.count + 1
        }
    }

    /// What the name stands for, without following it; nil when it is gone.
    static func status(
        _ name: [CChar], in directory: Int32, stage: @autoclosure () -> String
    ) throws(SystemError) -> stat? {
        var status = stat()
        do throws(SystemError) {
            // `name` is NUL-terminated; `status` is a local value that fstatat fills.
            try SystemCall.run(stage()) {
                unsafe fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW)
            }
            return status
        } catch let failure where failure.errno == ENOENT {
            return nil
        }
    }

    /// The same where anybody may have mounted something meanwhile: a mount is an error (EXDEV) and is asked nothing.
    static func statusUnlessMount(
        _ name: [CChar], in directory: Int32, stage: @autoclosure () -> String
    ) throws(SystemError) -> stat? {
        var status = stat()
        do throws(SystemError) {
            // `name` is NUL-terminated; `status` is a local value that fstat fills.
            let place = OwnedDescriptor(
                owning: try SystemCall.run(stage()) { unsafe usher_open_name_beneath(directory, name) })
            try SystemCall.run(stage()) { unsafe fstat(place.rawValue, &status) }
            return status
        } catch let failure where failure.errno == ENOENT {
            return nil
        }
    }

    /// What stands under a name in a directory: never a link, never another file system, never above.
    static func openBeneath(
        _ name: [CChar], in directory: Int32, _ flags: Int32 = O_RDONLY | O_DIRECTORY, stage: @autoclosure () -> String
    ) throws(SystemError) -> OwnedDescriptor {
        // `name` is NUL-terminated.
        OwnedDescriptor(
            owning: try SystemCall.run(stage()) { unsafe usher_open_beneath(directory, name, flags) })
    }

    /// What was removed from the directory stays removed when the power is cut: a commit of the ledger that says so does
    /// not take the names of other directories with it. File systems that keep nothing on a disk may not know fsync.
    static func flush(_ directory: Int32, stage: @autoclosure () -> String) throws(SystemError) {
        do throws(SystemError) {
            try SystemCall.run(stage()) { fsync(directory) }
        } catch let failure where failure.errno == EINVAL {}
    }

    /// Takes the immutable and append-only flags off a file or directory and the directory that it is in, where they are
    /// the uid's own. What it could not change shows when the name is still there.
    static func unlock(
        _ name: [CChar], in directory: Int32, of uid: UInt32, stage: @autoclosure () -> String
    ) throws(SystemError) {
        if try FileStatus(of: directory, stage: stage()).uid == uid { _ = usher_clear_file_flags(directory) }
        // Asked before it is opened: opening a device or pipe can do something.
        guard let before = try status(name, in: directory, stage: stage()), before.st_uid == uid,
            before.st_mode & S_IFMT == S_IFREG || isDirectory(before)
        else { return }
        let file = try openBeneath(name, in: directory, O_RDONLY | O_NONBLOCK | O_NOCTTY, stage: stage())
        let opened = try FileStatus(of: file.rawValue, stage: stage())
        guard opened.uid == uid, opened.inode == UInt64(before.st_ino) else { return }
        _ = usher_clear_file_flags(file.rawValue)
    }

    static func isDirectory(_ status: stat) -> Bool { status.st_mode & S_IFMT == S_IFDIR }

    /// Whether everybody may make files in it.
    static func isShared(_ status: stat) -> Bool { isDirectory(status) && status.st_mode & S_IWOTH != 0 }
}
