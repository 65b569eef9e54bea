import Glibc

/// Mounts that users make themselves, by FUSE. All is judged by mountinfo: nothing of the mounted file system is asked.
extension Mounts {
    /// Takes the mount on a name out of the tree if the uid itself made it. What root has mounted, whoever asked root
    /// to, is left.
    static func detachOwn(
        _ name: [CChar], in directory: borrowing OwnedDescriptor, uid: UInt32
    ) throws(SystemError) -> Bool {
        guard try userOfFUSE(on: name, in: directory) == uid else { return false }
        let path = "/proc/self/fd/\(directory.rawValue)/".utf8.map { CChar(bitPattern: $0) } + name
        // The path ends with the name's NUL. It is gone if somebody else was quicker.
        try SystemCall.run("unmount what uid \(uid) has mounted") {
            unsafe umount2(path, Int32(MNT_DETACH) | Int32(UMOUNT_NOFOLLOW))
        }
        return true
    }

    /// Who has mounted by FUSE what is on a name in a directory; nil when nobody has.
    static func userOfFUSE(
        on name: [CChar], in directory: borrowing OwnedDescriptor
    ) throws(SystemError) -> UInt32? {
        let above = try Processes.target(of: "/proc/self/fd/\(directory.rawValue)")
        let path = above + "/" + String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // The last one mounted there hides the others.
        return try lines().last { $0.count > 4 && unescaped($0[4][...]) == path }.flatMap(user(ofFUSE:))
    }

    static func hasFUSE(of uid: UInt32) throws(SystemError) -> Bool {
        try lines().contains { user(ofFUSE: $0) == uid }
    }

    private static func lines() throws(SystemError) -> [[ArraySlice<UInt8>]] {
        let bytes = try Files.readKernelFile("/proc/self/mountinfo", limit: 16 << 20)
        return bytes.split(separator: UInt8(ascii: "\n")).map { $0.split(separator: 0x20) }
    }

    /// Of the fields of one line: after the lone dash the type, the source and the super block's options.
    static func user(ofFUSE fields: [ArraySlice<UInt8>]) -> UInt32? {
        guard let dash = fields.firstIndex(where: { $0.elementsEqual("-".utf8) }), fields.count > dash + 3, dash >= 6
        else { return nil }
        let type = String(decoding: fields[dash + 1], as: UTF8.self)
        guard type == "fuse" || type == "fuseblk" || type.hasPrefix("fuse.") else { return nil }
        let options = String(decoding: fields[dash + 3], as: UTF8.self).split(separator: ",")
        return options.first { $0.hasPrefix("user_id=") }.flatMap { UInt32($0.dropFirst(8)) }
    }
}
