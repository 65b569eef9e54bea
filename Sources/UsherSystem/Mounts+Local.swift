extension Mounts {
    /// A place from which a whole file system, or the part of it that is mounted, can be walked.
    public struct LocalPlace: Sendable, Equatable {
        public var path: String
        /// Of the mount, to see that the path leads to it and not to what was mounted over it.
        public var mountID: Int
    }

    /// Where files of this host can lie: each local file system that can be written, once. Network and pseudo file
    /// systems are left out, and those of FUSE, whose servers could make a walk wait for ever. An overlay is left out
    /// too unless it is the root: its writable layer lies on another of these file systems.
    ///
    /// - Parameter below: directories below which no mount is a place.
    public static func localPlaces(notBelow excluded: [String] = []) throws(SystemError) -> [LocalPlace] {
        let known = try Files.readKernelFile("/proc/filesystems", limit: 65536)
        return places(among: try list(), onDevices: deviceTypes(known), notBelow: excluded)
    }

    /// The choice by itself.
    static func places(
        among mounts: [MountEntry], onDevices types: Set<String>, notBelow excluded: [String]
    ) -> [LocalPlace] {
        var visible: [String: MountEntry] = [:]
        // The last one mounted on a path hides the others.
        for mount in mounts { visible[mount.path] = mount }
        let candidates = visible.values.filter { mount in
            guard !mount.isReadOnly, !excluded.contains(where: { mount.path.hasPrefix($0 + "/") }) else { return false }
            if mount.fileSystem == "overlay" { return mount.path == "/" }
            return types.contains(mount.fileSystem) || ["tmpfs", "ramfs", "zfs"].contains(mount.fileSystem)
        }.sorted { ($0.root.utf8.count, $0.id) < ($1.root.utf8.count, $1.id) }
        var covered: [String: [String]] = [:]
        var places: [LocalPlace] = []
        for mount in candidates {
            // What a mount of the same file system shows already, from its root or from a directory above.
            let isCovered = covered[mount.device, default: []].contains { root in
                root == "/" || mount.root == root || mount.root.hasPrefix(root + "/")
            }
            guard !isCovered else { continue }
            covered[mount.device, default: []].append(mount.root)
            places.append(LocalPlace(path: mount.path, mountID: mount.id))
        }
        return places.sorted { $0.path < $1.path }
    }

    /// File systems that live on a block device: the lines without `nodev` of proc_filesystems(5).
    static func deviceTypes(_ text: [UInt8]) -> Set<String> {
        let lines = String(decoding: text, as: UTF8.self).split(separator: "\n")
        let types = lines.filter { !$0.hasPrefix("nodev") }.map { String($0.drop { $0 == "\t" || $0 == " " }) }
        return Set(types.filter { !$0.hasPrefix("fuse") })
    }
}
