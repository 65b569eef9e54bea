import Glibc

/// Files that Usher reads, writes and removes by path.
public enum Files {
    /// Begins the names of files that a rename was meant to replace; see `writeAtomically`.
    static let temporaryPrefix = ".usher-new-"

    /// The bytes of a regular file that `rules` accept; an error when there are more than `limit`.
    public static func read(_ path: String, limit: Int, rules: FileRules) throws(SystemError) -> [UInt8] {
        let (parent, name) = split(path)
        let directory = try openDirectory(parent, stage: "open directory \(parent)")
        if rules.judgesDirectory {
            let status = try FileStatus(of: directory.rawValue, stage: "stat \(parent)")
            try rules.judge(status, .directory, stage: "judge directory \(parent)")
        }
        // Not to wait for a writer when the name is a FIFO.
        let flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | (rules.followsLink ? 0 : O_NOFOLLOW)
        let file = try Descriptors.open(name, flags, in: directory.rawValue, stage: "open \(path)")
        let status = try FileStatus(of: file.rawValue, stage: "stat \(path)")
        try rules.judge(status, .regular, stage: "judge \(path)")
        return try Descriptors.readAll(file.rawValue, limit: limit, stage: "read \(path)")
    }

    /// Writes a file beside its place and renames it there, so that readers see the old bytes or the new, never a
    /// part. `durable` makes bytes and name survive a power loss before it returns.
    public static func writeAtomically(
        _ path: String, _ bytes: [UInt8], mode: UInt32, uid: UInt32 = 0, gid: UInt32 = 0, durable: Bool = false
    ) throws(SystemError) {
        let (parent, name) = split(path)
        let directory = try openDirectory(parent, stage: "open directory \(parent)")
        let suffix = try Randomness.bytes(8).map { byte in String(byte, radix: 16) }.joined()
        let temporary = temporaryPrefix + suffix
        do throws(SystemError) {
            let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW
            let file = try Descriptors.open(
                temporary, flags, mode: 0o600, in: directory.rawValue, stage: "create \(temporary) for \(path)")
            try Descriptors.writeAll(file.rawValue, bytes, stage: "write \(path)")
            try SystemCall.run("chown \(path)") { fchown(file.rawValue, uid, gid) }
            try SystemCall.run("chmod \(path)") { fchmod(file.rawValue, mode) }
            if durable { try SystemCall.run("fsync \(path)") { fsync(file.rawValue) } }
            // Both names are NUL-terminated copies that live for the call.
            try SystemCall.run("rename to \(path)") {
                unsafe renameat(directory.rawValue, temporary, directory.rawValue, name)
            }
        } catch {
            // As above. What is being thrown says more than a failure to tidy up.
            _ = unsafe unlinkat(directory.rawValue, temporary, 0)
            throw error
        }
        if durable {
            try SystemCall.run("fsync directory \(parent)") { fsync(directory.rawValue) }
        }
    }

    /// Removes what an interrupted `writeAtomically` left in a directory; for a single writer, at its start.
    public static func removeStaleTemporaries(in directory: String) throws(SystemError) {
        for name in try list(directory) where name.hasPrefix(temporaryPrefix) {
            try remove(directory + "/" + name)
        }
    }

    /// Makes the directory, or gives an existing one this mode and owner. One that belongs to anybody but root and
    /// `uid`, and a symbolic link in its place, are refused.
    public static func makeDirectory(
        _ path: String, mode: UInt32, uid: UInt32 = 0, gid: UInt32 = 0
    ) throws(SystemError) {
        guard !path.utf8.contains(0) else {
            throw SystemError("mkdir \(path)", refused: "the path contains a NUL byte")
        }
        do throws(SystemError) {
            // The path is a NUL-terminated copy that lives for the call.
            try SystemCall.run("mkdir \(path)") { unsafe mkdir(path, 0o700) }
        } catch let error where error.errno == EEXIST {}
        let directory = try Descriptors.open(
            path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, stage: "open directory \(path)")
        let status = try FileStatus(of: directory.rawValue, stage: "stat \(path)")
        guard status.uid == 0 || status.uid == uid else {
            throw SystemError("mkdir \(path)", refused: "exists and belongs to uid \(status.uid)")
        }
        try SystemCall.run("chown \(path)") { fchown(directory.rawValue, uid, gid) }
        try SystemCall.run("chmod \(path)") { fchmod(directory.rawValue, mode) }
    }

    /// The names in a directory without `.` and `..`, sorted. A name that is not UTF-8 is an error: all
    /// directories that Usher lists are root's.
    public static func list(_ path: String) throws(SystemError) -> [String] {
        let directory = try openDirectory(path, stage: "list \(path)")
        var names: [String] = []
        for name in try directoryNames(directory, stage: "list \(path)") {
            guard let text = String(validating: name, as: UTF8.self) else {
                throw SystemError("list \(path)", refused: "contains a name that is not UTF-8")
            }
            names.append(text)
        }
        return names.sorted()
    }

    /// Removes a file or link; false when there was none.
    @discardableResult
    public static func remove(_ path: String) throws(SystemError) -> Bool {
        try removing("remove \(path)") { unsafe unlink(path) }  // a NUL-terminated copy that lives for the call
    }

    /// Removes an empty directory; false when there was none.
    @discardableResult
    public static func removeDirectory(_ path: String) throws(SystemError) -> Bool {
        try removing("rmdir \(path)") { unsafe rmdir(path) }  // a NUL-terminated copy that lives for the call
    }

    /// What stands at the path, without following a link in its last component; nil when nothing does.
    public static func status(_ path: String) throws(SystemError) -> FileStatus? {
        var status = stat()
        do throws(SystemError) {
            // A NUL-terminated copy of the path and a local value that lstat fills.
            try SystemCall.run("stat \(path)") { unsafe lstat(path, &status) }
        } catch let error where error.errno == ENOENT || error.errno == ENOTDIR {
            return nil
        }
        return FileStatus(status)
    }

    /// Bytes free for root on the file system that holds the path.
    public static func freeBytes(_ path: String) throws(SystemError) -> UInt64 {
        var space = statvfs()
        // A NUL-terminated copy of the path and a local value that statvfs fills.
        try SystemCall.run("statvfs \(path)") { unsafe statvfs(path, &space) }
        return UInt64(space.f_bfree) * UInt64(space.f_frsize)
    }

    /// A file of /proc or /sys, which has no owner to judge.
    static func readKernelFile(
        _ path: String, limit: Int, in directory: Int32 = AT_FDCWD
    ) throws(SystemError) -> [UInt8] {
        let file = try Descriptors.open(path, O_RDONLY, in: directory, stage: "open \(path)")
        return try Descriptors.readAll(file.rawValue, limit: limit, stage: "read \(path)")
    }

    /// Writes a control file of /proc or /sys in one write.
    static func writeKernelFile(_ path: String, _ text: String) throws(SystemError) {
        let file = try Descriptors.open(path, O_WRONLY, stage: "open \(path)")
        try Descriptors.writeAll(file.rawValue, Array(text.utf8), stage: "write \(text) to \(path)")
    }

    static func openDirectory(_ path: String, stage: @autoclosure () -> String) throws(SystemError) -> OwnedDescriptor {
        try Descriptors.open(path, O_RDONLY | O_DIRECTORY, stage: stage())
    }

    /// The directory and the last component of a path.
    static func split(_ path: String) -> (directory: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        let name = String(path[path.index(after: slash)...])
        return (slash == path.startIndex ? "/" : String(path[..<slash]), name)
    }

    private static func removing(_ stage: String, _ call: () -> Int32) throws(SystemError) -> Bool {
        do throws(SystemError) {
            try SystemCall.run(stage, call)
            return true
        } catch let error where error.errno == ENOENT {
            return false
        }
    }

    /// The raw names in an open directory, without `.` and `..`.
    static func directoryNames(
        _ directory: borrowing OwnedDescriptor, stage: @autoclosure () -> String
    ) throws(SystemError) -> [[UInt8]] {
        var stream = try DirectoryStream.open(directory, stage: stage())
        var names: [[UInt8]] = []
        // The bytes are copied before the next name takes their place.
        while let name = try unsafe stream.next({ bytes in unsafe [UInt8](bytes) }) {
            if name != [0x2E], name != [0x2E, 0x2E] { names.append(name) }
        }
        return names
    }
}
