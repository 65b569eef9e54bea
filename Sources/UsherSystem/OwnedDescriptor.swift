import Glibc

/// A file descriptor that is closed when its owner goes out of scope. All that Usher opens is close-on-exec.
public struct OwnedDescriptor: ~Copyable, Sendable {
    public let rawValue: Int32

    /// Takes ownership of an open descriptor.
    public init(owning rawValue: Int32) {
        self.rawValue = rawValue
    }

    deinit {
        // Not repeated on EINTR: Linux has released the number by then (close(2)).
        _ = close(rawValue)
    }

    /// Gives the descriptor away; the caller closes it.
    public consuming func release() -> Int32 {
        let descriptor = rawValue
        discard self
        return descriptor
    }

    /// Makes reads and writes fail with EAGAIN instead of waiting.
    public func setNonBlocking() throws(SystemError) {
        let flags = try SystemCall.run("fcntl") { fcntl(rawValue, F_GETFL) }
        try SystemCall.run("fcntl") { fcntl(rawValue, F_SETFL, flags | O_NONBLOCK) }
    }
}

/// Reading and writing descriptors; bounded, and complete or an error.
enum Descriptors {
    static func open(
        _ path: String, _ flags: Int32, mode: mode_t = 0, in directory: Int32 = AT_FDCWD,
        stage: @autoclosure () -> String
    ) throws(SystemError) -> OwnedDescriptor {
        // The kernel would stop at the NUL and open another file than the one that was judged.
        guard !path.utf8.contains(0) else { throw SystemError(stage(), refused: "the path contains a NUL byte") }
        // The path is a NUL-terminated copy that lives for the call.
        let descriptor = try SystemCall.run(stage()) { unsafe openat(directory, path, flags | O_CLOEXEC, mode) }
        return OwnedDescriptor(owning: descriptor)
    }

    /// Everything up to the end of file; an error when there is more than `limit` bytes.
    static func readAll(
        _ descriptor: Int32, limit: Int, stage: @autoclosure () -> String
    ) throws(SystemError) -> [UInt8] {
        var bytes: [UInt8] = []
        // Most files are small, and a login reads several: a large buffer costs more than the file.
        var chunk = [UInt8](repeating: 0, count: min(limit + 1, 4096))
        defer { Secrets.wipe(&chunk) }
        while true {
            let count = try SystemCall.run(stage()) {
                // The kernel writes at most `count` bytes into the array that the closure holds.
                unsafe chunk.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
            }
            if count == 0 { return bytes }
            guard bytes.count + count <= limit else {
                Secrets.wipe(&bytes)
                throw SystemError(stage(), refused: "longer than \(limit) bytes")
            }
            bytes.append(contentsOf: chunk[..<count])
            if count == chunk.count, count < 65536 {
                Secrets.wipe(&chunk)
                chunk = [UInt8](repeating: 0, count: 65536)
            }
        }
    }

    /// What one read gives, at most `limit` bytes: for files of /proc that may be longer than is of interest.
    static func readOnce(
        _ descriptor: Int32, limit: Int, stage: @autoclosure () -> String
    ) throws(SystemError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: limit)
        let count = try SystemCall.run(stage()) {
            // The kernel writes at most `count` bytes into the array that the closure holds.
            unsafe bytes.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
        }
        bytes.removeLast(limit - count)
        return bytes
    }

    static func writeAll(_ descriptor: Int32, _ bytes: [UInt8], stage: @autoclosure () -> String) throws(SystemError) {
        var written = 0
        while written < bytes.count {
            written += try SystemCall.run(stage()) {
                // The slice is what is left of the array that the closure holds.
                unsafe bytes[written...].withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
            }
        }
    }
}
