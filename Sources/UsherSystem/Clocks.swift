import CUsherLinux
import Glibc

/// The host's clocks. Behaviour takes the time as a parameter; this is where it comes from.
public enum SystemClock {
    /// Seconds since 1970-01-01 UTC; can be set back.
    public static func realtimeSeconds() -> Int64 { Int64(read(CLOCK_REALTIME).tv_sec) }

    /// Nanoseconds since 1970-01-01 UTC.
    public static func realtimeNanoseconds() -> Int64 { nanoseconds(CLOCK_REALTIME) }

    /// Nanoseconds since the host started, including time asleep.
    public static func boottimeNanoseconds() -> Int64 { nanoseconds(CLOCK_BOOTTIME) }

    /// Nanoseconds on a clock that only goes forward.
    public static func monotonicNanoseconds() -> Int64 { nanoseconds(CLOCK_MONOTONIC) }

    /// The id of this boot, 36 characters; another one after every start of the kernel.
    public static func bootID() throws(SystemError) -> String {
        let bytes = try Files.readKernelFile("/proc/sys/kernel/random/boot_id", limit: 64)
        guard bytes.count == 37, bytes[36] == UInt8(ascii: "\n") else {
            throw SystemError("read /proc/sys/kernel/random/boot_id", refused: "not a boot id")
        }
        return String(decoding: bytes[..<36], as: UTF8.self)
    }

    /// Blocks this thread.
    public static func sleep(milliseconds: Int) {
        _ = usleep(useconds_t(milliseconds * 1000))
    }

    private static func nanoseconds(_ clock: clockid_t) -> Int64 {
        let now = read(clock)
        return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
    }

    private static func read(_ clock: clockid_t) -> timespec {
        var now = timespec()
        // Cannot fail: the clocks above exist on every kernel and the pointer is to a local value.
        _ = unsafe clock_gettime(clock, &now)
        return now
    }
}

/// A point on the monotonic clock at which waiting ends.
public struct Deadline: Sendable, Equatable {
    private var nanoseconds: Int64

    /// `milliseconds` from now.
    public static func after(milliseconds: Int) -> Deadline {
        Deadline(nanoseconds: SystemClock.monotonicNanoseconds() + Int64(milliseconds) * 1_000_000)
    }

    /// Milliseconds left, rounded up, at most Int32.max; 0 when it has passed.
    public var remainingMilliseconds: Int32 {
        let left = nanoseconds - SystemClock.monotonicNanoseconds()
        return left <= 0 ? 0 : Int32(min((left + 999_999) / 1_000_000, Int64(Int32.max)))
    }

    public var hasPassed: Bool { remainingMilliseconds == 0 }

    /// Waits until one of `events` holds; false when the deadline comes first.
    func wait(for descriptor: Int32, _ events: Int16, stage: @autoclosure () -> String) throws(SystemError) -> Bool {
        while true {
            var entry = pollfd(fd: descriptor, events: events, revents: 0)
            let left = remainingMilliseconds
            // One entry, a local value. An interrupted wait is repeated with what is left, hence no SystemCall.run.
            let count = unsafe poll(&entry, 1, left)
            if count > 0 { return true }
            if count < 0, SystemCall.lastError != EINTR { throw SystemError(stage(), errno: SystemCall.lastError) }
            if count == 0, left == 0 { return false }
        }
    }
}

/// Random bytes of the kernel.
public enum Randomness {
    /// `count` bytes of getrandom(2), which waits for the pool at boot and cannot run short later.
    public static func bytes(_ count: Int) throws(SystemError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            filled += try SystemCall.run("getrandom") {
                // The slice is what is left of the array that the closure holds.
                unsafe bytes[filled...].withUnsafeMutableBytes { unsafe getrandom($0.baseAddress, $0.count, 0) }
            }
        }
        return bytes
    }
}

/// Handling of secret bytes.
public enum Secrets {
    /// Overwrites the bytes in a way that the compiler cannot leave out, then empties the array. Copies that were
    /// made before are not reached.
    public static func wipe(_ bytes: inout [UInt8]) {
        // The whole storage of the array that the closure holds.
        unsafe bytes.withUnsafeMutableBytes { buffer in
            if let start = buffer.baseAddress { unsafe explicit_bzero(start, buffer.count) }
        }
        bytes.removeAll(keepingCapacity: true)
    }
}
