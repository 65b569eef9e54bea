import Glibc

/// How much of a skeleton may be copied into a home.
public struct CopyLimits: Sendable {
    /// Files, directories and links together.
    public var entries: Int
    /// Of all regular files together.
    public var bytes: Int
    /// Directories inside each other.
    public var depth: Int

    public init(entries: Int = 10_000, bytes: Int = 64 << 20, depth: Int = 16) {
        self.entries = entries
        self.bytes = bytes
        self.depth = depth
    }
}

extension Files {
    /// Copies what is in the directory `source` into the directory `destination`, which exists, and gives every
    /// copy to `uid` and `gid`. Regular files, directories and symbolic links (as links) are copied, anything else
    /// is left out; set-id bits are dropped. No link is followed on either side. `destination` itself is given to
    /// the owner last.
    public static func copyTree(
        _ source: String, into destination: String, uid: UInt32, gid: UInt32, limits: CopyLimits = CopyLimits()
    ) throws(SystemError) {
        let from = try Descriptors.open(
            source, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, stage: "open skeleton \(source)")
        let to = try Descriptors.open(
            destination, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, stage: "open home \(destination)")
        var copy = TreeCopy(uid: uid, gid: gid, limits: limits)
        try copy.directory(from, to, path: source, depth: 0)
        try SystemCall.run("chown \(destination)") { fchown(to.rawValue, uid, gid) }
    }
}

/// One copy in progress: what of the limits is left.
private struct TreeCopy {
    let uid: UInt32
    let gid: UInt32
    var limits: CopyLimits

    mutating func directory(
        _ from: borrowing OwnedDescriptor, _ to: borrowing OwnedDescriptor, path: String, depth: Int
    ) throws(SystemError) {
        guard depth < limits.depth else { throw SystemError("copy \(path)", refused: "nested too deep") }
        for name in try Files.directoryNames(from, stage: "list \(path)") {
            guard limits.entries > 0 else { throw SystemError("copy \(path)", refused: "too many files") }
            limits.entries -= 1
            let child = path + "/" + String(decoding: name, as: UTF8.self)
            // The name as readdir gave it, with the NUL that openat needs.
            let terminated = (name + [0]).map { byte in CChar(bitPattern: byte) }
            var status = stat()
            // `terminated` is NUL-terminated; `status` is a local value that fstatat fills.
            try SystemCall.run("stat \(child)") {
                unsafe fstatat(from.rawValue, terminated, &status, AT_SYMLINK_NOFOLLOW)
            }
            switch FileStatus(status).kind {
            case .regular: try file(terminated, from.rawValue, to.rawValue, path: child)
            case .directory: try subdirectory(terminated, from.rawValue, to.rawValue, path: child, depth: depth)
            case .symbolicLink: try link(terminated, from.rawValue, to.rawValue, path: child)
            case .socket, .other: break
            }
        }
    }

    private mutating func subdirectory(
        _ name: [CChar], _ from: Int32, _ to: Int32, path: String, depth: Int
    ) throws(SystemError) {
        let source = try open(name, O_RDONLY | O_DIRECTORY, in: from, path: path)
        let status = try FileStatus(of: source.rawValue, stage: "stat \(path)")
        // `name` is NUL-terminated.
        try SystemCall.run("make copy of \(path)") { unsafe mkdirat(to, name, 0o700) }
        let target = try open(name, O_RDONLY | O_DIRECTORY, in: to, path: path)
        try directory(source, target, path: path, depth: depth + 1)
        try give(target.rawValue, mode: status.mode, path: path)
    }

    private mutating func file(_ name: [CChar], _ from: Int32, _ to: Int32, path: String) throws(SystemError) {
        let source = try open(name, O_RDONLY | O_NONBLOCK, in: from, path: path)
        let status = try FileStatus(of: source.rawValue, stage: "stat \(path)")
        guard status.kind == .regular else { throw SystemError("copy \(path)", refused: "changed while it was copied") }
        let bytes = try Descriptors.readAll(source.rawValue, limit: limits.bytes, stage: "copy \(path)")
        limits.bytes -= bytes.count
        let target = try open(name, O_WRONLY | O_CREAT | O_EXCL, in: to, path: path)
        try Descriptors.writeAll(target.rawValue, bytes, stage: "write copy of \(path)")
        try give(target.rawValue, mode: status.mode, path: path)
    }

    private func link(_ name: [CChar], _ from: Int32, _ to: Int32, path: String) throws(SystemError) {
        var target = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        let length = try SystemCall.run("readlink \(path)") {
            // At most PATH_MAX bytes are written, one fewer than the array has, so that a NUL follows them.
            unsafe readlinkat(from, name, &target, Int(PATH_MAX))
        }
        guard length < target.count - 1 else { throw SystemError("readlink \(path)", refused: "target too long") }
        // Both are NUL-terminated.
        try SystemCall.run("symlink copy of \(path)") { unsafe symlinkat(target, to, name) }
        try SystemCall.run("chown copy of \(path)") { unsafe fchownat(to, name, uid, gid, AT_SYMLINK_NOFOLLOW) }
    }

    private func give(_ descriptor: Int32, mode: UInt32, path: String) throws(SystemError) {
        try SystemCall.run("chown copy of \(path)") { fchown(descriptor, uid, gid) }
        try SystemCall.run("chmod copy of \(path)") { fchmod(descriptor, mode & 0o777) }
    }

    private func open(
        _ name: [CChar], _ flags: Int32, in directory: Int32, path: String
    ) throws(SystemError) -> OwnedDescriptor {
        let descriptor = try SystemCall.run("open \(path)") {
            // `name` is NUL-terminated.
            unsafe openat(directory, name, flags | O_NOFOLLOW | O_CLOEXEC, 0o600)
        }
        return OwnedDescriptor(owning: descriptor)
    }
}
