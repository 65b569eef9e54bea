import Glibc

/// A file that only grows, whose lines must not get lost: opened without following a link, judged by its descriptor,
/// written at its end, and synced by its writer.
public final class AppendFile: Sendable {
    public let path: String
    private let descriptor: OwnedDescriptor

    /// Opens the file, or makes it with this mode and owner. Anything else than root's own regular file with one name,
    /// in a directory that root alone writes to, is refused.
    ///
    /// - Parameter owner: the only owner besides root; for tests.
    public init(_ path: String, mode: UInt32, gid: UInt32, owner: UInt32? = nil) throws(SystemError) {
        self.path = path
        let (parent, name) = Files.split(path)
        let directory = try Files.openDirectory(parent, stage: "open directory \(parent)")
        let rules = FileRules(owner: owner, forbiddenMode: 0o022)
        try rules.judge(
            try FileStatus(of: directory.rawValue, stage: "stat \(parent)"), .directory,
            stage: "judge directory \(parent)")
        descriptor = try Self.open(name, in: directory.rawValue, path)
        try rules.judge(
            try FileStatus(of: descriptor.rawValue, stage: "stat \(path)"), .regular, stage: "judge \(path)")
        let file = descriptor.rawValue
        try SystemCall.run("chown \(path)") { fchown(file, uid_t.max, gid) }
        try SystemCall.run("chmod \(path)") { fchmod(file, mode) }
    }

    private static func open(
        _ name: String, in directory: Int32, _ path: String
    ) throws(SystemError) -> OwnedDescriptor {
        let flags = O_RDWR | O_APPEND | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK
        do throws(SystemError) {
            return try Descriptors.open(name, flags, in: directory, stage: "open \(path)")
        } catch let failure where failure.isNotFound {
            let made = try Descriptors.open(
                name, flags | O_CREAT | O_EXCL, mode: 0o600, in: directory, stage: "create \(path)")
            try SystemCall.run("fsync directory of \(path)") { fsync(directory) }
            return made
        }
    }

    /// Bytes.
    public func size() throws(SystemError) -> Int64 {
        try FileStatus(of: descriptor.rawValue, stage: "stat \(path)").size
    }

    /// Whether the path still leads to this file.
    public func isInPlace() throws(SystemError) -> Bool {
        let own = try FileStatus(of: descriptor.rawValue, stage: "stat \(path)")
        guard let there = try Files.status(path) else { return false }
        return there.inode == own.inode && there.device == own.device
    }

    /// Writes all of the bytes at the end, or throws; a part of them may then stand there.
    public func append(_ bytes: [UInt8]) throws(SystemError) {
        try Descriptors.writeAll(descriptor.rawValue, bytes, stage: "write \(path)")
    }

    /// Returns when everything written is on the disk (fdatasync(2): with the size that is needed to read it).
    public func sync() throws(SystemError) {
        try SystemCall.run("fdatasync \(path)") { fdatasync(descriptor.rawValue) }
    }

    /// Takes away what stands behind this size.
    public func truncate(to size: Int64) throws(SystemError) {
        try SystemCall.run("truncate \(path)") { ftruncate(descriptor.rawValue, off_t(size)) }
    }

    /// At most `count` bytes from an offset; fewer at the end of the file.
    public func read(at offset: Int64, count: Int) throws(SystemError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let got = try SystemCall.run("read \(path)") {
                // The slice is what is left of the array that the closure holds.
                unsafe bytes[filled...].withUnsafeMutableBytes {
                    unsafe pread(descriptor.rawValue, $0.baseAddress, $0.count, off_t(offset) + off_t(filled))
                }
            }
            if got == 0 { break }
            filled += got
        }
        bytes.removeLast(count - filled)
        return bytes
    }

    /// Sets disk space aside for the file, so that nobody else can use it: blocks, not a hole (fallocate(2)).
    public func reserve(_ bytes: Int64) throws(SystemError) {
        try SystemCall.check("reserve \(bytes) bytes in \(path)") {
            posix_fallocate(descriptor.rawValue, 0, off_t(bytes))
        }
    }
}

/// A file that is read from its beginning, piece by piece, while others may be writing to it.
public final class SequentialFile: Sendable {
    public let path: String
    private let descriptor: OwnedDescriptor
    public let status: FileStatus

    /// Opens a regular file; a link in its last component is not followed.
    public init(_ path: String) throws(SystemError) {
        self.path = path
        descriptor = try Descriptors.open(
            path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, stage: "open \(path)")
        status = try FileStatus(of: descriptor.rawValue, stage: "stat \(path)")
        guard status.kind == .regular else { throw SystemError("open \(path)", refused: "not a regular file") }
    }

    /// The next bytes, at most so many; empty at the end of what stands there now.
    public func next(_ limit: Int) throws(SystemError) -> [UInt8] {
        try Descriptors.readOnce(descriptor.rawValue, limit: limit, stage: "read \(path)")
    }
}

extension Files {
    /// Gives a file another name in its own directory, durably.
    public static func rename(_ path: String, to name: String) throws(SystemError) {
        let (parent, former) = split(path)
        let directory = try openDirectory(parent, stage: "open directory \(parent)")
        // Both names are NUL-terminated copies that live for the call.
        try SystemCall.run("rename \(path) to \(name)") {
            unsafe renameat(directory.rawValue, former, directory.rawValue, name)
        }
        try SystemCall.run("fsync directory \(parent)") { fsync(directory.rawValue) }
    }
}
