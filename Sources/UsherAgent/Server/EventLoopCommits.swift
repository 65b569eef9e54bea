internal import NIOCore
internal import UsherStore

/// Commits on the event loop that takes the calls: all calls that are ready are taken first, then what they want on
/// the disk goes there in one commit, then they are answered. No other thread has to wake up for it, and what
/// comes while the disk works is the next commit's.
struct EventLoopCommits: CommitExecutor {
    let eventLoop: any EventLoop

    func run(_ work: @escaping @Sendable () -> Void) {
        eventLoop.execute(work)
    }

    func run(afterMilliseconds delay: Int64, _ work: @escaping @Sendable () -> Void) {
        eventLoop.scheduleTask(in: .milliseconds(delay), work)
    }
}
