import Glibc

/// What stat(2) says of a file.
public struct FileStatus: Sendable, Equatable {
    public enum Kind: Sendable, Equatable { case regular, directory, symbolicLink, socket, other }

    public var kind: Kind
    /// Permission bits with set-id and sticky bits, 0…0o7777.
    public var mode: UInt32
    public var uid: UInt32
    public var gid: UInt32
    /// Bytes.
    public var size: Int64
    public var device: UInt64
    public var inode: UInt64
    /// Seconds since 1970-01-01 UTC.
    public var modifiedAt: Int64

    init(_ status: stat) {
        switch status.st_mode & S_IFMT {
        case S_IFREG: kind = .regular
        case S_IFDIR: kind = .directory
        case S_IFLNK: kind = .symbolicLink
        case S_IFSOCK: kind = .socket
        default: kind = .other
        }
        mode = status.st_mode & 0o7777
        uid = status.st_uid
        gid = status.st_gid
        size = Int64(status.st_size)
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        modifiedAt = Int64(status.st_mtim.tv_sec)
    }

    /// Of an open descriptor.
    init(of descriptor: Int32, stage: @autoclosure () -> String) throws(SystemError) {
        var status = stat()
        // `status` is a local value that fstat fills.
        try SystemCall.run(stage()) { unsafe fstat(descriptor, &status) }
        self.init(status)
    }
}

/// Who may have written a file that is about to be believed. The descriptor is judged after it was opened, never
/// the path before, so that the answer is about the bytes that are read.
public struct FileRules: Sendable {
    /// The only owner besides root; nil accepts root alone.
    public var owner: UInt32?
    /// Permission bits that must not be set.
    public var forbiddenMode: UInt32
    /// Whether the last component may be a symbolic link.
    public var followsLink: Bool
    /// Whether the directory that holds the file is judged in the same way (against 0o022).
    public var judgesDirectory: Bool

    public init(
        owner: UInt32? = nil, forbiddenMode: UInt32 = 0o022, followsLink: Bool = false, judgesDirectory: Bool = true
    ) {
        self.owner = owner
        self.forbiddenMode = forbiddenMode
        self.followsLink = followsLink
        self.judgesDirectory = judgesDirectory
    }

    /// Configuration: root's, writable by root alone, in a directory of which the same holds.
    public static let rootOnly = FileRules()
    /// Private keys: like configuration, and readable by the owner alone.
    public static let rootSecret = FileRules(forbiddenMode: 0o077)

    /// Throws what is wrong with the file.
    func judge(_ status: FileStatus, _ kind: FileStatus.Kind, stage: @autoclosure () -> String) throws(SystemError) {
        guard status.kind == kind else {
            throw SystemError(stage(), refused: kind == .regular ? "not a regular file" : "not a directory")
        }
        guard status.uid == 0 || status.uid == owner else {
            throw SystemError(stage(), refused: "owned by uid \(status.uid), which may not write what is read here")
        }
        let forbidden = status.mode & (kind == .regular ? forbiddenMode : 0o022)
        guard forbidden == 0 else {
            let mode = String(status.mode, radix: 8)
            throw SystemError(stage(), refused: "mode \(mode) lets others in; chmod \(forbiddenText(forbidden))")
        }
    }

    private func forbiddenText(_ bits: UInt32) -> String {
        "-" + String(bits, radix: 8)
    }
}
