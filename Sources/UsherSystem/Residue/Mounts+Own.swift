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

    /// Who has mounted the file system of a device by FUSE; nil when nobody has.
    static func user(ofFUSE device: UInt64) throws(SystemError) -> UInt32? {
        let number = DeviceNumber(dev_t(device))
        let bytes = try Files.readKernelFile("/proc/self/mountinfo", limit: 16 << 20)
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let fields = String(decoding: line, as: UTF8.self).split(separator: " ")
            guard fields.count > 2, fields[2] == "\(number.major):\(number.minor)" else { continue }
            return user(ofFUSE: fields)
        }
        return nil
    }

    /// One line of mountinfo: id first; after the lone dash the type, the source and the super block's options.
    static func isFUSE(_ line: String, _ id: Int, of uid: UInt32) -> Bool {
        let fields = line.split(separator: " ")
        guard let first = fields.first, Int(first) == id else { return false }
        return user(ofFUSE: fields) == uid
    }

    private static func user(ofFUSE fields: [Substring]) -> UInt32? {
        guard let dash = fields.firstIndex(of: "-"), fields.count > dash + 3, dash >= 6 else { return nil }
        let type = fields[dash + 1]
        guard type == "fuse" || type == "fuseblk" || type.hasPrefix("fuse.") else { return nil }
        let option = fields[dash + 3].split(separator: ",").first { $0.hasPrefix("user_id=") }
        return option.flatMap { UInt32($0.dropFirst(8)) }
    }
}

/// Who has mounted file systems by FUSE, asked once for each device: on an overlay any file's device may be another
/// than its directory's.
struct FUSEUsers: Sendable {
    private var known: [UInt64: UInt32?] = [:]

    /// Nil when nobody has mounted the device's file system by FUSE.
    mutating func user(of device: UInt64) throws(SystemError) -> UInt32? {
        if let user = known[device] { return user }
        let user = try Mounts.user(ofFUSE: device)
        known[device] = .some(user)
        return user
    }
}
