import Glibc

/// An account as the host's name service knows it.
public struct User: Sendable, Equatable {
    public var name: String
    public var uid: UInt32
    public var gid: UInt32
    public var home: String
    public var shell: String
}

/// The host's user database.
public enum Users {
    /// nil when there is no such account; an error when the name service could not answer.
    public static func lookup(_ name: String) throws(SystemError) -> User? {
        unsafe try find("look up user \(name)") { record, buffer, size, result in
            unsafe getpwnam_r(name, record, buffer, size, result)  // sizes and pointers come from `find`
        }
    }

    /// nil when no account has the uid; an error when the name service could not answer.
    public static func lookup(uid: UInt32) throws(SystemError) -> User? {
        unsafe try find("look up uid \(uid)") { record, buffer, size, result in
            unsafe getpwuid_r(uid, record, buffer, size, result)  // sizes and pointers come from `find`
        }
    }

    private static func find(
        _ stage: String,
        _ call: (
            UnsafeMutablePointer<passwd>, UnsafeMutablePointer<CChar>, Int,
            UnsafeMutablePointer<UnsafeMutablePointer<passwd>?>
        ) -> Int32
    ) throws(SystemError) -> User? {
        var size = 4096
        while true {
            var found: User?
            let code = unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: size) { buffer -> Int32 in
                var record = unsafe passwd()
                var result: UnsafeMutablePointer<passwd>?
                guard let start = buffer.baseAddress else { return ENOMEM }
                // The strings of the record lie in `buffer` and are copied before it goes.
                let code = unsafe call(&record, start, size, &result)
                if code == 0, unsafe result != nil {
                    unsafe found = User(
                        name: NameService.text(record.pw_name), uid: record.pw_uid, gid: record.pw_gid,
                        home: NameService.text(record.pw_dir), shell: NameService.text(record.pw_shell))
                }
                return code
            }
            guard try NameService.isFinal(code, &size, stage: stage) else { continue }
            return found
        }
    }
}

/// The host's group database.
public enum Groups {
    /// nil when there is no such group; an error when the name service could not answer.
    public static func gid(named name: String) throws(SystemError) -> UInt32? {
        try find(name)?.gid
    }

    /// The names that the group's own entry lists; nil when there is no such group.
    public static func members(named name: String) throws(SystemError) -> [String]? {
        try find(name)?.members
    }

    private static func find(_ name: String) throws(SystemError) -> (gid: UInt32, members: [String])? {
        var size = 4096
        while true {
            var found: (gid: UInt32, members: [String])?
            let code = unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: size) { buffer -> Int32 in
                var record = unsafe group()
                var result: UnsafeMutablePointer<group>?
                // The strings of the record lie in `buffer` and are copied before it goes.
                let code = unsafe getgrnam_r(name, &record, buffer.baseAddress, size, &result)
                if code == 0, unsafe result != nil {
                    var members: [String] = []
                    // The list ends with a null pointer (group(5) as a struct, getgrnam(3)).
                    var next = unsafe record.gr_mem
                    while let member = unsafe next?.pointee {
                        unsafe members.append(String(cString: member))
                        unsafe next = next?.advanced(by: 1)
                    }
                    found = unsafe (record.gr_gid, members)
                }
                return code
            }
            guard try NameService.isFinal(code, &size, stage: "look up group \(name)") else { continue }
            return found
        }
    }
}

/// The result codes that getpwnam_r(3) and its family share.
private enum NameService {
    private static let largestBuffer = 16 << 20

    /// A field of a record: a C string, or null where a service of the host leaves it out.
    static func text(_ field: UnsafePointer<CChar>?) -> String {
        unsafe field.map { start in unsafe String(cString: start) } ?? ""
    }

    /// True when the answer stands, false when the call is to be repeated with the (now larger) size.
    static func isFinal(_ code: Int32, _ size: inout Int, stage: String) throws(SystemError) -> Bool {
        switch code {
        // "Not found" is 0 without a record; the page lists these as what some systems give instead.
        case 0, ENOENT, ESRCH: return true
        case EINTR: return false
        case ERANGE where size < largestBuffer:
            size *= 4
            return false
        default: throw SystemError(stage, errno: code)
        }
    }
}
