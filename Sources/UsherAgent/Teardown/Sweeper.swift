internal import UsherSystem

/// The passes over the host that teardowns share.
final class Sweeper: Sendable {
    private let living: SharedPass<SessionMatch, [Int32]>
    private let remains: SharedPass<UInt32, Traces>
    /// nil on a kernel without POSIX message queues.
    private let queues: SharedQueues?
    let searches: OwnerSearches

    init(executor: ThreadPoolTaskExecutor) throws(SystemError) {
        let queues = try SharedQueues()
        self.queues = queues
        let searches = OwnerSearches()
        self.searches = searches
        living = SharedPass(executor: executor) { matches throws(SystemError) in
            try ProcessScan.find(matching: matches)
        }
        remains = SharedPass(executor: executor) { uids throws(SystemError) in
            try Traces.find(uids, searches: searches, queues: queues)
        }
    }

    /// The processes that were alive, zombies aside, at some moment after the call.
    func processes(of match: SessionMatch) async throws(SystemError) -> [Int32] {
        try await living.answer(match)
    }

    /// What a uid without processes has left, at some moment after the call.
    func traces(of uid: UInt32) async throws(SystemError) -> Traces {
        try await remains.answer(uid)
    }

    func queueRemoval(of uid: UInt32) throws(SystemError) -> OwnedFileRemoval? {
        try queues?.queues.removal(of: uid)
    }
}

/// A descriptor that closures share.
final class SharedQueues: Sendable {
    let queues: MessageQueues

    init?() throws(SystemError) {
        guard let queues = try MessageQueues() else { return nil }
        self.queues = queues
    }
}
