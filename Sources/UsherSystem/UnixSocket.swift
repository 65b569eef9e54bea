// Which of the two modules owns `timeval` depends on the order in which the compiler sees them.
import CUsherLinux
import Glibc

/// AF_UNIX stream sockets, and the frames that Varlink puts on them: bytes up to a NUL.
public enum UnixSocket {
    /// Makes a listening socket at the path. Nobody can connect before it has its mode and owner. A socket that an
    /// earlier run left there is replaced; anything else there is an error. The path's directory must be root's.
    public static func listen(
        _ path: String, mode: UInt32, uid: UInt32 = 0, gid: UInt32 = 0, backlog: Int32 = 128
    ) throws(SystemError) -> OwnedDescriptor {
        let stage = "listen on \(path)"
        if let status = try Files.status(path) {
            guard status.kind == .socket else { throw SystemError(stage, refused: "something else stands there") }
            try Files.remove(path)
        }
        let descriptor = try make(stage)
        // bind(2) gives the file the mode of the socket's inode: none. No umask, which all threads would share.
        try SystemCall.run(stage) { fchmod(descriptor.rawValue, 0) }
        let address = try SocketAddress(path, stage: stage)
        // The pointer and the length are those of the address, for the call.
        try SystemCall.run(stage) { unsafe address.withPointer { unsafe bind(descriptor.rawValue, $0, $1) } }
        do throws(SystemError) {
            // The path is a NUL-terminated copy that lives for each call.
            try SystemCall.run("chown \(path)") { unsafe chown(path, uid, gid) }
            try SystemCall.run("chmod \(path)") { unsafe chmod(path, mode) }
            try SystemCall.run(stage) { Glibc.listen(descriptor.rawValue, backlog) }
        } catch {
            try Files.remove(path)
            throw error
        }
        return descriptor
    }

    /// Connects; ETIMEDOUT when the listener's queue stays full until the deadline.
    public static func connect(_ path: String, deadline: Deadline) throws(SystemError) -> OwnedDescriptor {
        let stage = "connect to \(path)"
        let descriptor = try make(stage)
        let address = try SocketAddress(path, stage: stage)
        // unix(7): poll does not tell when a full queue has room, but a blocking connect honours SO_SNDTIMEO.
        let left = max(deadline.remainingMilliseconds, 1)
        var limit = timeval(tv_sec: Int(left / 1000), tv_usec: Int(left % 1000) * 1000)
        let size = socklen_t(MemoryLayout<timeval>.size)
        // `limit` is a local value of the size given.
        try SystemCall.run(stage) { unsafe setsockopt(descriptor.rawValue, SOL_SOCKET, SO_SNDTIMEO, &limit, size) }
        do throws(SystemError) {
            // The pointer and the length are those of the address, for the call.
            try SystemCall.run(stage) {
                unsafe address.withPointer { unsafe Glibc.connect(descriptor.rawValue, $0, $1) }
            }
        } catch let error where error.errno == EAGAIN {
            throw SystemError(stage, errno: ETIMEDOUT)
        }
        try descriptor.setNonBlocking()
        return descriptor
    }

    /// Sends all bytes; ETIMEDOUT at the deadline. A peer that has gone is EPIPE, never a signal.
    public static func send(
        _ socket: borrowing OwnedDescriptor, _ bytes: [UInt8], deadline: Deadline
    ) throws(SystemError) {
        var sent = 0
        while sent < bytes.count {
            do throws(SystemError) {
                sent += try SystemCall.run("send") {
                    // The slice is what is left of the array that the closure holds.
                    unsafe bytes[sent...].withUnsafeBytes { rest in
                        unsafe Glibc.send(
                            socket.rawValue, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
                    }
                }
            } catch let error where error.errno == EAGAIN {
                guard try deadline.wait(for: socket.rawValue, Int16(POLLOUT), stage: "send") else {
                    throw SystemError("send", errno: ETIMEDOUT)
                }
            }
        }
    }

    /// Receives one frame and returns it without its NUL. Errors: ETIMEDOUT; EMSGSIZE when `limit` bytes hold no
    /// NUL; ECONNRESET when the peer closes first; and bytes behind the NUL, which no call of ours asks for.
    public static func receiveFrame(
        _ socket: borrowing OwnedDescriptor, limit: Int, deadline: Deadline
    ) throws(SystemError) -> [UInt8] {
        let stage = "receive"
        var frame: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: min(limit, 65536))
        while true {
            guard try deadline.wait(for: socket.rawValue, Int16(POLLIN), stage: stage) else {
                throw SystemError(stage, errno: ETIMEDOUT)
            }
            let count: Int
            do throws(SystemError) {
                count = try SystemCall.run(stage) {
                    // The kernel writes at most `count` bytes into the array that the closure holds.
                    unsafe chunk.withUnsafeMutableBytes { buffer in
                        unsafe recv(socket.rawValue, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT))
                    }
                }
            } catch let error where error.errno == EAGAIN {
                continue
            }
            guard count > 0 else { throw SystemError(stage, errno: ECONNRESET) }
            frame += chunk[..<count]
            if let end = frame.lastIndex(of: 0) {
                guard end == frame.count - 1, frame.firstIndex(of: 0) == end, frame.count <= limit else {
                    throw SystemError(stage, refused: "more than one frame")
                }
                frame.removeLast()
                return frame
            }
            guard frame.count < limit else { throw SystemError(stage, errno: EMSGSIZE) }
        }
    }

    /// Sends what there is room for; returns how much that was.
    public static func sendAvailable(
        _ socket: borrowing OwnedDescriptor, _ bytes: ArraySlice<UInt8>
    ) throws(SystemError) -> Int {
        do throws(SystemError) {
            return try SystemCall.run("send") {
                // The whole slice, for the call.
                unsafe bytes.withUnsafeBytes { rest in
                    unsafe Glibc.send(socket.rawValue, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
                }
            }
        } catch let error where error.errno == EAGAIN {
            return 0
        }
    }

    /// What has come, at most `limit` bytes; empty when the peer has closed, nil when nothing has come.
    public static func receiveAvailable(
        _ socket: borrowing OwnedDescriptor, limit: Int
    ) throws(SystemError) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: limit)
        let count: Int
        do throws(SystemError) {
            count = try SystemCall.run("receive") {
                // The kernel writes at most `count` bytes into the array that the closure holds.
                unsafe bytes.withUnsafeMutableBytes {
                    unsafe recv(socket.rawValue, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT))
                }
            }
        } catch let error where error.errno == EAGAIN {
            return nil
        }
        bytes.removeLast(limit - count)
        return bytes
    }

    private static func make(_ stage: String) throws(SystemError) -> OwnedDescriptor {
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        return OwnedDescriptor(owning: try SystemCall.run(stage) { socket(AF_UNIX, type, 0) })
    }
}

/// A unix(7) address: a path, or with `@` in front a name of the abstract space.
struct SocketAddress {
    private var address = sockaddr_un()
    private let length: socklen_t

    init(_ path: String, stage: String) throws(SystemError) {
        var bytes = Array(path.utf8)
        let isAbstract = bytes.first == UInt8(ascii: "@")
        if isAbstract { bytes[0] = 0 }
        let room = MemoryLayout.size(ofValue: address.sun_path)
        // A path needs its NUL within the field; an abstract name may fill it.
        guard !bytes.isEmpty, bytes.count < room || (isAbstract && bytes.count == room),
            !bytes.dropFirst().contains(0)
        else { throw SystemError(stage, refused: "not a socket address") }
        address.sun_family = sa_family_t(AF_UNIX)
        // The bytes fit: checked above.
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { field in unsafe field.copyBytes(from: bytes) }
        let offset = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? MemoryLayout<sa_family_t>.size
        length = socklen_t(offset + bytes.count + (isAbstract ? 0 : 1))
    }

    func withPointer(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        // sockaddr_un begins with the family, as every sockaddr does; `length` lies within it.
        unsafe withUnsafePointer(to: address) { start in
            unsafe start.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, length) }
        }
    }
}
