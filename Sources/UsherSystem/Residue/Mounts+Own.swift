import Glibc

extension Mounts {
    /// Takes a mount out of the tree if the uid itself made it: a FUSE mount that names it as its user. What root
    /// has mounted, whoever asked root to, is left.
    ///
    /// - Parameter place: opened with O_PATH, so that nothing of the mounted file system is asked.
    static func detachOwn(_ place: borrowing OwnedDescriptor, uid: UInt32) throws(SystemError) -> Bool {
        guard let id = try mountID(place), try isFUSE(id, of: uid) else { return false }
        // The descriptor's link leads to the very mount that was judged.
        try SystemCall.run("unmount \(id)") { unsafe umount2("/proc/self/fd/\(place.rawValue)", Int32(MNT_DETACH)) }
        return true
    }

    private static func mountID(_ place: borrowing OwnedDescriptor) throws(SystemError) -> Int? {
        let bytes = try Files.readKernelFile("/proc/self/fdinfo/\(place.rawValue)", limit: 4096)
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let words = String(decoding: line, as: UTF8.self).split { $0 == " " || $0 == "\t" }
            if words.first == "mnt_id:", words.count == 2 { return Int(words[1]) }
        }
        return nil
    }

    private static func isFUSE(_ id: Int, of uid: UInt32) throws(SystemError) -> Bool {
        let bytes = try Files.readKernelFile("/proc/self/mountinfo", limit: 16 << 20)
        return bytes.split(separator: UInt8(ascii: "\n")).contains { line in
            isFUSE(String(decoding: line, as: UTF8.self), id, of: uid)
        }
    }

    /// One line of mountinfo: id first; after the lone dash the type, the source and the super block's options.
    static func isFUSE(_ line: String, _ id: Int, of uid: UInt32) -> Bool {
        let fields = line.split(separator: " ")
        guard let first = fields.first, Int(first) == id, let dash = fields.firstIndex(of: "-"),
            fields.count > dash + 3, dash >= 6
        else { return false }
        let type = fields[dash + 1]
        let isFUSE = type == "fuse" || type == "fuseblk" || type.hasPrefix("fuse.")
        return isFUSE && fields[dash + 3].split(separator: ",").contains("user_id=\(uid)")
    }
}
