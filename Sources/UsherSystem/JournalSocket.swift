import CUsherLinux
import Glibc

/// A connection to journald, for its native protocol.
public final class JournalSocket {
    private let descriptor: OwnedDescriptor
    private let path: String

    public init(_ path: String) throws(SystemError) {
        let stage = "connect to \(path)"
        let type = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = OwnedDescriptor(owning: try SystemCall.run(stage) { socket(AF_UNIX, type, 0) })
        let address = try SocketAddress(path, stage: stage)
        // The pointer and the length are those of the address, for the call.
        try SystemCall.run(stage) { unsafe address.withPointer { unsafe connect(descriptor.rawValue, $0, $1) } }
        self.descriptor = descriptor
        self.path = path
    }

    /// Hands one entry over; waits while journald is behind. What a datagram cannot hold goes as a sealed file in memory.
    public func send(_ entry: [UInt8]) throws(SystemError) {
        do throws(SystemError) {
            try SystemCall.run("send to \(path)") {
                // The array is whole for the call.
                unsafe entry.withUnsafeBytes {
                    unsafe Glibc.send(descriptor.rawValue, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
            }
        } catch let error where error.errno == EMSGSIZE || error.errno == ENOBUFS {
            try SystemCall.run("send to \(path) by memory file") {
                // As above.
                unsafe entry.withUnsafeBytes {
                    unsafe usher_send_memory_file(descriptor.rawValue, $0.baseAddress, $0.count)
                }
            }
        }
    }
}
