internal import NIOPosix

/// Runs a task on threads that may block: its blocking calls need no other thread to wake up.
final class ThreadPoolTaskExecutor: TaskExecutor {
    private let threads: NIOThreadPool

    init(_ threads: NIOThreadPool) {
        self.threads = threads
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        threads.submit { _ in
            // Also when the pool is shutting down: a job that is not run would leave its task hanging. The executor
            // outlives the job: the task that the job belongs to holds it.
            unsafe job.runSynchronously(on: self.asUnownedTaskExecutor())
        }
    }
}
