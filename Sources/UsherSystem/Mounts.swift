import Glibc

/// Who may use a tmpfs, and how much it may hold.
public struct TmpfsOptions: Sendable {
    public var sizeBytes: UInt64
    /// Permission bits of its root.
    public var mode: UInt32
    public var uid: UInt32
    public var gid: UInt32
    public var nosuid: Bool
    public var nodev: Bool

    public init(
        sizeBytes: UInt64, mode: UInt32 = 0o700, uid: UInt32, gid: UInt32, nosuid: Bool = true, nodev: Bool = true
    ) {
        self.sizeBytes = sizeBytes
        self.mode = mode
        self.uid = uid
        self.gid = gid
        self.nosuid = nosuid
        self.nodev = nodev
    }
}

/// One line of /proc/self/mountinfo, see proc_pid_mountinfo(5).
public struct MountEntry: Sendable, Equatable {
    public var id: Int
    /// Major and minor number of the file system's device: `254:0`.
    public var device: String
    /// The directory of the file system that is mounted; `/` unless it is a bind mount.
    public var root: String
    public var path: String
    public var fileSystem: String
    /// The mount, or the file system itself, cannot be written.
    public var isReadOnly: Bool
}

/// Mounts in the agent's mount namespace.
public enum Mounts {
    /// Mounts a tmpfs on an existing directory. It has a bounded number of files too: one for each 4 KiB.
    public static func mountTmpfs(_ path: String, _ options: TmpfsOptions) throws(SystemError) {
        guard !path.utf8.contains(0) else { throw SystemError("mount tmpfs", refused: "the path contains a NUL byte") }
        var flags = UInt(0)
        if options.nosuid { flags |= UInt(MS_NOSUID) }
        if options.nodev { flags |= UInt(MS_NODEV) }
        let mode = String(options.mode, radix: 8)
        let data =
            "size=\(options.sizeBytes),nr_inodes=\(max(options.sizeBytes / 4096, 16)),mode=\(mode)"
            + ",uid=\(options.uid),gid=\(options.gid)"
        try SystemCall.run("mount tmpfs \(path)") {
            // All strings are NUL-terminated copies that live for the call.
            unsafe data.withCString { text in unsafe mount("usher-home", path, "tmpfs", flags, text) }
        }
    }

    /// Unmounts what is mounted on the path; `detach` takes it out of the tree at once and frees it when its last
    /// user is gone. False when nothing was mounted there.
    @discardableResult
    public static func unmount(_ path: String, detach: Bool = false) throws(SystemError) -> Bool {
        do throws(SystemError) {
            let flags = Int32(UMOUNT_NOFOLLOW) | (detach ? Int32(MNT_DETACH) : 0)
            // The path is a NUL-terminated copy that lives for the call.
            try SystemCall.run("unmount \(path)") { unsafe umount2(path, flags) }
            return true
        } catch let error where error.errno == EINVAL || error.errno == ENOENT {
            return false
        }
    }

    /// Whether something is mounted exactly on the path, which has no symbolic links.
    public static func isMountPoint(_ path: String) throws(SystemError) -> Bool {
        try list().contains { entry in entry.path == path }
    }

    /// The mount points directly or deeper below a directory, in the order in which they were mounted.
    public static func below(_ directory: String) throws(SystemError) -> [String] {
        try list().map { entry in entry.path }.filter { path in path.hasPrefix(directory + "/") }
    }

    /// Where the cgroup v2 hierarchy is mounted (`/sys/fs/cgroup`, or `/sys/fs/cgroup/unified` beside v1).
    public static func cgroup2Root() throws(SystemError) -> String {
        for entry in try list() where entry.fileSystem == "cgroup2" && entry.root == "/" {
            return entry.path
        }
        throw SystemError("find the cgroup2 mount", refused: "no cgroup2 file system is mounted")
    }

    /// All mounts of this process's namespace.
    public static func list() throws(SystemError) -> [MountEntry] {
        let bytes = try Files.readKernelFile("/proc/self/mountinfo", limit: 16 << 20)
        return bytes.split(separator: UInt8(ascii: "\n")).compactMap { line in
            // Optional fields end with " - "; the file system's type follows it.
            let fields = line.split(separator: 0x20)
            guard let dash = fields.firstIndex(where: { Array($0) == [UInt8(ascii: "-")] }), dash + 1 < fields.count,
                dash >= 6, let id = Int(unescaped(fields[0]))
            else { return nil }
            // The last field may be missing where the file system shows no options.
            let options = [fields[5]] + fields[(dash + 2)...].dropFirst()
            return MountEntry(
                id: id, device: unescaped(fields[2]), root: unescaped(fields[3]), path: unescaped(fields[4]),
                fileSystem: unescaped(fields[dash + 1]), isReadOnly: options.contains(where: isReadOnly))
        }
    }

    private static func isReadOnly(_ options: ArraySlice<UInt8>) -> Bool {
        options.split(separator: UInt8(ascii: ",")).contains { Array($0) == Array("ro".utf8) }
    }

    /// Blanks, tabs, line feeds and backslashes stand as a backslash and three octal digits.
    static func unescaped(_ field: ArraySlice<UInt8>) -> String {
        var output: [UInt8] = []
        var position = field.startIndex
        while position < field.endIndex {
            let digits = field[min(position + 1, field.endIndex)..<min(position + 4, field.endIndex)]
            if field[position] == UInt8(ascii: "\\"), digits.count == 3,
                let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
            {
                output.append(value)
                position += 4
            } else {
                output.append(field[position])
                position += 1
            }
        }
        return String(decoding: output, as: UTF8.self)
    }
}
