// Which of the two modules owns `timespec` depends on the order in which the compiler sees them.
import CUsherLinux
import Glibc

/// SIGTERM and SIGINT as something to ask for, for a program that has to end in order.
public enum StopSignals {
    private static var both: sigset_t {
        var set = sigset_t()
        // A local value; the calls fail on unknown signals only.
        _ = unsafe sigemptyset(&set)
        _ = unsafe sigaddset(&set, SIGTERM)
        _ = unsafe sigaddset(&set, SIGINT)
        return set
    }

    /// Keeps the two from ending the process. To be called before there are threads, which inherit it.
    public static func hold() {
        var set = both
        // A local value; fails for an unknown first argument only.
        _ = unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    /// Waits so long, or until one of them comes; whether one came.
    public static func wait(milliseconds: Int) -> Bool {
        let deadline = Deadline.after(milliseconds: milliseconds)
        while true {
            var set = both
            let left = Int(deadline.remainingMilliseconds)
            var limit = timespec(tv_sec: left / 1000, tv_nsec: left % 1000 * 1_000_000)
            // Local values; another signal's handler interrupts the waiting.
            if unsafe sigtimedwait(&set, nil, &limit) > 0 { return true }
            if SystemCall.lastError != EINTR { return false }
        }
    }
}
