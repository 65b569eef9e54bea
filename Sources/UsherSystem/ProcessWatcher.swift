import CUsherLinux
import Glibc
import Synchronization

/// Tells when processes end: one thread, one epoll instance, a pidfd for each process (pidfd_open(2): a pidfd is
/// readable once its process has ended).
public final class ProcessWatcher: Sendable {
    private struct Watch {
        var process: PIDFD
        var onExit: @Sendable () -> Void
    }

    private struct State {
        var watches: [UInt64: Watch] = [:]
        var next: UInt64 = 1
    }

    private let epoll: Int32
    private let state = Mutex(State())

    /// Starts the thread, which runs as long as the program.
    public init() throws(SystemError) {
        epoll = try SystemCall.run("epoll_create1") { usher_epoll_open() }
        var thread = pthread_t()
        let watcher = unsafe Unmanaged.passRetained(self)
        // The thread takes over the reference that passRetained made; `thread` is a local value.
        let error = unsafe pthread_create(
            &thread, nil,
            { argument in
                if let argument = unsafe argument {
                    unsafe Unmanaged<ProcessWatcher>.fromOpaque(argument).takeRetainedValue().run()
                }
                return nil
            }, watcher.toOpaque())
        guard error == 0 else {
            unsafe watcher.release()
            throw SystemError("start the process watcher", errno: error)
        }
        pthread_detach(thread)
    }

    /// Calls `onExit` once, on the watcher's thread, when the process has ended; it must be short.
    ///
    /// - Throws: not found when the process is gone already.
    public func watch(_ identity: ProcessIdentity, onExit: @escaping @Sendable () -> Void) throws(SystemError) {
        let process = try PIDFD.open(identity)
        let number = state.withLock { state in
            defer { state.next += 1 }
            state.watches[state.next] = Watch(process: process, onExit: onExit)
            return state.next
        }
        do throws(SystemError) {
            try SystemCall.run("watch process \(identity.pid)") {
                usher_epoll_add_once(epoll, process.descriptor, number)
            }
        } catch {
            state.withLock { _ = $0.watches.removeValue(forKey: number) }
            throw error
        }
    }

    private func run() {
        var numbers = [UInt64](repeating: 0, count: 64)
        while true {
            // The whole array, which only this thread uses. EINTR is the only error of a good epoll instance.
            let count = unsafe numbers.withUnsafeMutableBufferPointer {
                unsafe usher_epoll_wait(epoll, $0.baseAddress, Int32($0.count))
            }
            guard count > 0 else { continue }
            // By index: a slice would share the array, the next round copy it, and the compiler (6.3) does not release
            // the old one in a loop that never ends: half a kilobyte for each process that ends.
            for index in 0..<Int(count) {
                let number = numbers[index]
                // Closing the pidfd takes it out of the epoll instance (epoll(7)).
                let watch = state.withLock { $0.watches.removeValue(forKey: number) }
                watch?.onExit()
            }
        }
    }
}
