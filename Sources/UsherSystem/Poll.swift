import CUsherLinux
import Glibc

/// Waiting for several descriptors (poll(2)).
public enum Poll {
    public struct Interest: Sendable {
        var descriptor: Int32
        var events: Int16

        /// Waits until there is something to read, or also until there is room to write. A negative number is never ready.
        public init(_ descriptor: Int32, writing: Bool = false) {
            self.descriptor = descriptor
            events = Int16(POLLIN) | (writing ? Int16(POLLOUT) : 0)
        }
    }

    /// Which are ready (also with an error, which the next call on them tells); none when the time is over or a signal came.
    public static func wait(_ interests: [Interest], milliseconds: Int32) throws(SystemError) -> [Bool] {
        var entries = interests.map { pollfd(fd: $0.descriptor, events: $0.events, revents: 0) }
        // The whole array, for the call.
        let count = unsafe entries.withUnsafeMutableBufferPointer { buffer in
            unsafe poll(buffer.baseAddress, nfds_t(buffer.count), milliseconds)
        }
        if count < 0, SystemCall.lastError != EINTR { throw SystemError("poll", errno: SystemCall.lastError) }
        return entries.map { count > 0 && $0.revents != 0 }
    }
}

/// Signals as something to read (signalfd(2)).
public struct SignalDescriptor: ~Copyable, Sendable {
    private let descriptor: OwnedDescriptor
    public var rawValue: Int32 { descriptor.rawValue }

    /// Blocks the signals in this thread; to be made before there are others.
    public init(_ numbers: [Int32]) throws(SystemError) {
        let found = try SystemCall.run("signalfd") {
            // The array and its count, for the call.
            unsafe numbers.withUnsafeBufferPointer { unsafe usher_signal_descriptor($0.baseAddress, Int32($0.count)) }
        }
        descriptor = OwnedDescriptor(owning: found)
    }

    /// The number of a signal that came; nil when there is none.
    public func next() throws(SystemError) -> Int32? {
        do throws(SystemError) {
            return try SystemCall.run("read signalfd") { usher_next_signal(descriptor.rawValue) }
        } catch let failure where failure.errno == EAGAIN {
            return nil
        }
    }
}
