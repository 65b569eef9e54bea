import Glibc

/// Held by the only running agent of a host: an exclusive flock(2) on a directory, which the kernel gives back when
/// the holder ends, however it ends.
public final class InstanceLock: Sendable {
    private let descriptor: OwnedDescriptor

    private init(_ descriptor: consuming OwnedDescriptor) {
        self.descriptor = descriptor
    }

    deinit {
        // Not left to the close: a child between fork and exec still has the descriptor, and with it the lock.
        _ = flock(descriptor.rawValue, LOCK_UN)
    }

    /// nil when another process holds it.
    public static func acquire(directory: String) throws(SystemError) -> InstanceLock? {
        let stage = "lock \(directory)"
        let descriptor = try Files.openDirectory(directory, stage: stage)
        do throws(SystemError) {
            try SystemCall.run(stage) { flock(descriptor.rawValue, LOCK_EX | LOCK_NB) }
        } catch let error where error.errno == EWOULDBLOCK {
            return nil
        }
        return InstanceLock(descriptor)
    }
}

/// What the kernel lets this process have.
public enum ResourceLimits {
    /// Raises the number of descriptors to the hard limit, but not above `wanted`; returns the limit that holds now.
    @discardableResult
    public static func raiseDescriptorLimit(to wanted: UInt64 = 65536) throws(SystemError) -> UInt64 {
        var limit = rlimit()
        // `limit` is a local value in both calls.
        try SystemCall.run("getrlimit") { unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) }
        let target = min(UInt64(limit.rlim_max), wanted)
        if UInt64(limit.rlim_cur) < target {
            limit.rlim_cur = rlim_t(target)
            try SystemCall.run("setrlimit") { unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) }
        }
        return UInt64(limit.rlim_cur)
    }
}
