import Glibc

/// A step outside this process failed. The text is for the journal, not for an operator.
public struct SystemError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What was being done, with its object: `mount tmpfs /run/usher/home/u-…`.
    public var stage: String
    /// The error number; 0 when the call succeeded and what it showed is not acceptable.
    public var errno: Int32
    /// The reason in words.
    public var message: String

    /// A system call failed with `errno`.
    public init(_ stage: String, errno: Int32) {
        self.stage = stage
        self.errno = errno
        // strerror's text is copied before anything else can replace it.
        self.message = unsafe strerror(errno).map { text in unsafe String(cString: text) } ?? "error \(errno)"
    }

    /// What was found is refused.
    public init(_ stage: String, refused message: String) {
        self.stage = stage
        self.errno = 0
        self.message = message
    }

    public var description: String { "\(stage): \(message)" }

    /// The object does not exist (any more): ENOENT, or ESRCH for a process.
    public var isNotFound: Bool { errno == ENOENT || errno == ESRCH }
    /// A deadline passed.
    public var isTimeout: Bool { errno == ETIMEDOUT }
    /// The caller may not: EACCES or EPERM.
    public var isNotPermitted: Bool { errno == EACCES || errno == EPERM }
    /// What a peer sent is longer than allowed (EMSGSIZE), or was refused for what it is.
    public var isUnacceptable: Bool { errno == 0 || errno == EMSGSIZE }
    /// Something has the name already.
    public var isAlreadyThere: Bool { errno == EEXIST }
}

/// The one place that reads errno and repeats interrupted calls.
enum SystemCall {
    /// Runs a call that reports failure with -1.
    @discardableResult
    static func run<Result: SignedInteger>(
        _ stage: @autoclosure () -> String, _ call: () -> Result
    ) throws(SystemError) -> Result {
        while true {
            let result = call()
            if result != -1 { return result }
            let code = errno
            if code != EINTR { throw SystemError(stage(), errno: code) }
        }
    }

    /// Runs a call that returns its error number, as the pthread and posix_spawn families do.
    static func check(_ stage: @autoclosure () -> String, _ call: () -> Int32) throws(SystemError) {
        let code = call()
        if code != 0 { throw SystemError(stage(), errno: code) }
    }

    /// The error number of a call that has just failed in a way of its own (a null pointer).
    static var lastError: Int32 { errno }

    /// Clears errno before a call whose failure only errno shows (readdir).
    static func clearError() { errno = 0 }
}
