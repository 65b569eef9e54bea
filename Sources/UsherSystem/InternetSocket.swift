import CUsherLinux
import Glibc

/// A TCP connection that was made from here.
public final class InternetSocket: Sendable {
    private let descriptor: OwnedDescriptor

    /// Connects to the first of the host's addresses that answers. A peer that stops answering is noticed after
    /// `silence` milliseconds.
    ///
    /// - Parameter host: a name or a numeric address; names are looked up as `getaddrinfo` does, which may take its time.
    public init(host: String, port: UInt16, deadline: Deadline, silence: Int) throws(SystemError) {
        let stage = "connect to \(host) port \(port)"
        guard !host.utf8.contains(0) else { throw SystemError(stage, refused: "the name contains a NUL byte") }
        descriptor = try Self.open(host, port, deadline, stage)
        try setTimeouts(silence, stage)
    }

    /// Another descriptor of the connection, which the caller closes.
    public func duplicate() throws(SystemError) -> Int32 {
        try SystemCall.run("duplicate a socket") { fcntl(descriptor.rawValue, F_DUPFD_CLOEXEC, 0) }
    }

    /// How many of the bytes that were written the peer's kernel has not acknowledged yet. ENOTCONN when either side
    /// has ended the connection: then nothing is known of what was on its way.
    public func unacknowledgedBytes() throws(SystemError) -> Int {
        Int(try SystemCall.run("ask a connection") { usher_unacknowledged_bytes(descriptor.rawValue) })
    }

    private static func open(
        _ host: String, _ port: UInt16, _ deadline: Deadline, _ stage: String
    ) throws(SystemError) -> OwnedDescriptor {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        // NUL-terminated copies that live for the call, and two local values.
        let code = unsafe getaddrinfo(host, "\(port)", &hints, &list)
        guard code == 0 else {
            // gai_strerror's texts are constants.
            let reason = unsafe gai_strerror(code).map { text in unsafe String(cString: text) } ?? "error \(code)"
            throw SystemError("look up \(host)", refused: reason)
        }
        defer { unsafe freeaddrinfo(list) }
        var last = SystemError(stage, errno: EHOSTUNREACH)
        var next = unsafe list
        while let entry = unsafe next?.pointee {
            do throws(SystemError) {
                // The entry's address is the list's, which lives until the end of this function.
                return try unsafe connect(entry, deadline, stage)
            } catch {
                last = error
            }
            unsafe next = entry.ai_next
        }
        throw last
    }

    private static func connect(
        _ entry: addrinfo, _ deadline: Deadline, _ stage: String
    ) throws(SystemError) -> OwnedDescriptor {
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = OwnedDescriptor(
            owning: try SystemCall.run(stage) { unsafe socket(entry.ai_family, type, entry.ai_protocol) })
        do throws(SystemError) {
            try SystemCall.run(stage) {
                // Address and length belong together: getaddrinfo wrote both.
                unsafe Glibc.connect(descriptor.rawValue, entry.ai_addr, entry.ai_addrlen)
            }
        } catch let error where error.errno == EINPROGRESS {
            guard try deadline.wait(for: descriptor.rawValue, Int16(POLLOUT), stage: stage) else {
                throw SystemError(stage, errno: ETIMEDOUT)
            }
            var code: Int32 = 0
            var size = socklen_t(MemoryLayout<Int32>.size)
            try SystemCall.run(stage) {
                // Two local values, the second the size of the first.
                unsafe getsockopt(descriptor.rawValue, SOL_SOCKET, SO_ERROR, &code, &size)
            }
            guard code == 0 else { throw SystemError(stage, errno: code) }
        }
        return descriptor
    }

    private func setTimeouts(_ silence: Int, _ stage: String) throws(SystemError) {
        // tcp(7): keep-alive asks a connection that says nothing, TCP_USER_TIMEOUT ends one that does not answer.
        for (level, option, value) in [
            (SOL_SOCKET, SO_KEEPALIVE, 1), (Int32(IPPROTO_TCP), TCP_KEEPIDLE, Int32(silence / 2000)),
            (Int32(IPPROTO_TCP), TCP_KEEPINTVL, Int32(silence / 8000)),
            (Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, Int32(silence)),
        ] {
            var value = max(value, 1)
            try SystemCall.run(stage) {
                // A local value of the size given.
                unsafe setsockopt(descriptor.rawValue, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
            }
        }
    }
}
