import Glibc

/// A cgroup v2 that holds a session's processes. Killing needs Linux 5.14 (`cgroup.kill`).
public struct ControlGroup: Sendable, Equatable {
    /// The parent of all sessions' groups where no systemd runs.
    public static let parentName = "usher"

    /// As `Processes.cgroup` shows it: `/usher/s-…`, or systemd's `/usher.slice/usher-s-….scope`.
    public let membership: String
    /// The directory in the mounted hierarchy.
    public let path: String

    /// A group by its membership, whether it exists or not.
    public init(membership: String, root: String) {
        self.membership = membership
        self.path = root + membership
    }

    private init(membership: String, path: String) {
        self.membership = membership
        self.path = path
    }

    /// Makes `usher/NAME` in the hierarchy mounted at `root`; an existing one is taken over. Only where no systemd
    /// runs: there it alone writes the tree.
    public static func create(_ name: String, root: String) throws(SystemError) -> ControlGroup {
        guard isValidName(name) else { throw SystemError("make cgroup", refused: "not a name for a cgroup") }
        try Files.makeDirectory("\(root)/\(parentName)", mode: 0o755)
        let group = ControlGroup(membership: "/\(parentName)/\(name)", root: root)
        try Files.makeDirectory(group.path, mode: 0o755)
        return group
    }

    /// The group that a process is in now; nil when it is in the root group.
    public static func current(of pid: Int32, root: String) throws(SystemError) -> ControlGroup? {
        guard let membership = try Processes.cgroup(pid), membership != "/" else { return nil }
        return ControlGroup(membership: membership, root: root)
    }

    /// Names of the groups in `usher`, for reconciling at start; empty when there is no such parent.
    public static func existing(root: String) throws(SystemError) -> [String] {
        let parent = "\(root)/\(parentName)"
        guard try Files.status(parent) != nil else { return [] }
        var names: [String] = []
        for name in try Files.list(parent) where try Files.status("\(parent)/\(name)")?.kind == .directory {
            names.append(name)
        }
        return names
    }

    /// Whether the group stands in the hierarchy.
    public var exists: Bool {
        get throws(SystemError) { try Files.status(path)?.kind == .directory }
    }

    /// Moves a process with all its threads into the group; what it starts from now on is born there. Takes up to
    /// some 10 ms (Docs/Architecture.md): nothing that others wait for may be held meanwhile.
    public func attach(_ pid: Int32) throws(SystemError) {
        try Files.writeKernelFile("\(path)/cgroup.procs", "\(pid)")
    }

    /// Kills everything in the group and below, frozen or not. Groups that are gone have nothing to kill.
    public func kill() throws(SystemError) {
        try unlessGone { () throws(SystemError) in try Files.writeKernelFile("\(path)/cgroup.kill", "1") }
    }

    /// Stops everything in the group and below; false when not all of it had stopped by the deadline (a process in
    /// an uninterruptible wait stops when that ends).
    public func freeze(_ deadline: Deadline) throws(SystemError) -> Bool {
        var frozen = true
        try unlessGone { () throws(SystemError) in
            try Files.writeKernelFile("\(path)/cgroup.freeze", "1")
            frozen = try wait(for: "frozen 1", deadline)
        }
        return frozen
    }

    /// Lets everything in the group run again.
    public func thaw() throws(SystemError) {
        try unlessGone { () throws(SystemError) in try Files.writeKernelFile("\(path)/cgroup.freeze", "0") }
    }

    /// Whether any process lives in the group or below. Zombies do not count.
    public var isPopulated: Bool {
        get throws(SystemError) {
            var populated = false
            try unlessGone { () throws(SystemError) in populated = try !events().contains("populated 0") }
            return populated
        }
    }

    /// Waits until nothing lives in the group or below; false when the deadline comes first.
    public func waitUntilEmpty(_ deadline: Deadline) throws(SystemError) -> Bool {
        var empty = true
        try unlessGone { () throws(SystemError) in empty = try wait(for: "populated 0", deadline) }
        return empty
    }

    /// The processes directly in the group.
    public func processes() throws(SystemError) -> [Int32] {
        var pids: [Int32] = []
        try unlessGone { () throws(SystemError) in
            let bytes = try Files.readKernelFile("\(path)/cgroup.procs", limit: 16 << 20)
            pids = bytes.split(separator: UInt8(ascii: "\n")).compactMap { line in
                Int32(String(decoding: line, as: UTF8.self))
            }
        }
        return pids
    }

    /// The processes in the group and in all groups below it.
    public func processesInTree() throws(SystemError) -> [Int32] {
        var pids = try processes()
        try unlessGone { () throws(SystemError) in
            for name in try Files.list(path) where try Files.status("\(path)/\(name)")?.kind == .directory {
                pids += try ControlGroup(membership: "\(membership)/\(name)", path: "\(path)/\(name)").processesInTree()
            }
        }
        return pids
    }

    /// Removes the empty group and what empty groups were made below it. EBUSY while something lives in one.
    public func remove() throws(SystemError) {
        try ControlGroup.removeTree(path)
    }

    private static func removeTree(_ path: String) throws(SystemError) {
        guard try Files.status(path)?.kind == .directory else { return }
        for name in try Files.list(path) where try Files.status("\(path)/\(name)")?.kind == .directory {
            try removeTree("\(path)/\(name)")
        }
        try Files.removeDirectory(path)
    }

    private func events() throws(SystemError) -> [String] {
        let bytes = try Files.readKernelFile("\(path)/cgroup.events", limit: 4096)
        return bytes.split(separator: UInt8(ascii: "\n")).map { line in String(decoding: line, as: UTF8.self) }
    }

    /// The kernel raises POLLPRI on cgroup.events when it changes after it was last read from the same descriptor.
    private func wait(for line: String, _ deadline: Deadline) throws(SystemError) -> Bool {
        let stage = "watch \(path)/cgroup.events"
        let file = try Descriptors.open("\(path)/cgroup.events", O_RDONLY, stage: stage)
        while true {
            try SystemCall.run(stage) { lseek(file.rawValue, 0, SEEK_SET) }
            let text = String(
                decoding: try Descriptors.readOnce(file.rawValue, limit: 4096, stage: stage), as: UTF8.self)
            if text.split(separator: "\n").contains(Substring(line)) { return true }
            guard try deadline.wait(for: file.rawValue, Int16(POLLPRI), stage: stage) else { return false }
        }
    }

    /// A group that was removed meanwhile: ENOENT at open, ENODEV at a read or write.
    private func unlessGone(_ body: () throws(SystemError) -> Void) throws(SystemError) {
        do throws(SystemError) {
            try body()
        } catch let error where error.errno == ENOENT || error.errno == ENODEV {
            return
        }
    }

    static func isValidName(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= 64
            && name.utf8.allSatisfy { byte in
                (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || byte == UInt8(ascii: "-")
            }
    }
}
