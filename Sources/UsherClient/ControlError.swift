/// Why a call to the session agent gave no answer that can be used.
public enum ControlError: Error, Equatable, Sendable {
    /// Nothing listens on the socket, or it went away before it answered.
    case unreachable(socket: String, reason: String)
    /// This caller may not open the socket, or may not make this call.
    case notPermitted(what: String)
    /// No whole answer within the deadline.
    case late(socket: String, seconds: Int)
    /// The answer is not what `io.usher.Control` says; `reason` names the first difference.
    case malformed(reason: String)
    case notFound(what: String)
    /// The agent tried and could not; `stage` names the step.
    case failed(stage: String, reason: String)
    /// The agent does not accept the value of a parameter.
    case invalid(parameter: String)
    /// The agent does not take this call: the two are of different versions.
    case unsupported(error: String)
}
