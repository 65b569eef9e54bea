internal import NIOCore

/// Runs a connection's task on the connection's own event loop: between reading a call and writing its answer
/// no other thread has to wake up, except the one that commits.
final class EventLoopTaskExecutor: TaskExecutor {
    private let eventLoop: any EventLoop

    init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        eventLoop.execute {
            // The executor outlives the job: the task that the job belongs to holds it.
            unsafe job.runSynchronously(on: self.asUnownedTaskExecutor())
        }
    }
}
