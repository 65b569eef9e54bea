import Glibc

/// A regular file's bytes with what its descriptor says, for a caller who judges after reading.
public struct FileContents: Sendable {
    public private(set) var bytes: [UInt8]
    public let status: FileStatus

    /// - Parameter limit: more bytes than this are an error.
    public init(of path: String, limit: Int) throws(SystemError) {
        // Not to wait for a writer when the name is a FIFO.
        let file = try Descriptors.open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, stage: "open \(path)")
        status = try FileStatus(of: file.rawValue, stage: "stat \(path)")
        guard status.kind == .regular else { throw SystemError("open \(path)", refused: "not a regular file") }
        bytes = try Descriptors.readAll(file.rawValue, limit: limit, stage: "read \(path)")
    }

    /// Overwrites the bytes; for secrets.
    public mutating func wipe() {
        Secrets.wipe(&bytes)
    }
}

/// Files that must not have been there before.
public enum NewFile {
    /// Makes a file that survives a power loss, owned by the caller. Fails with EEXIST when anything has the name;
    /// leaves nothing behind when it fails.
    public static func create(_ path: String, _ bytes: [UInt8], mode: UInt32) throws(SystemError) {
        let (parent, name) = Files.split(path)
        let directory = try Files.openDirectory(parent, stage: "open directory \(parent)")
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW
        let file = try Descriptors.open(name, flags, mode: 0o600, in: directory.rawValue, stage: "create \(path)")
        do throws(SystemError) {
            try Descriptors.writeAll(file.rawValue, bytes, stage: "write \(path)")
            // The mode that open(2) was given is narrowed by the umask.
            try SystemCall.run("chmod \(path)") { fchmod(file.rawValue, mode) }
            try SystemCall.run("fsync \(path)") { fsync(file.rawValue) }
            try SystemCall.run("fsync directory \(parent)") { fsync(directory.rawValue) }
        } catch {
            // The name is a NUL-terminated copy that lives for the call. What is being thrown says more.
            _ = unsafe unlinkat(directory.rawValue, name, 0)
            throw error
        }
    }
}
