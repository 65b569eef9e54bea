internal import Dispatch

/// Where commits run: one after the other, on one thread, which waits for the disk meanwhile.
public protocol CommitExecutor: Sendable {
    func run(_ work: @escaping @Sendable () -> Void)
    func run(afterMilliseconds delay: Int64, _ work: @escaping @Sendable () -> Void)
}

/// A queue of its own.
public struct CommitThread: CommitExecutor {
    private let queue = DispatchQueue(label: "usher.commit", qos: .userInitiated)

    public init() {}

    public func run(_ work: @escaping @Sendable () -> Void) {
        queue.async(execute: work)
    }

    public func run(afterMilliseconds delay: Int64, _ work: @escaping @Sendable () -> Void) {
        queue.asyncAfter(deadline: .now() + .milliseconds(Int(delay)), execute: work)
    }
}
