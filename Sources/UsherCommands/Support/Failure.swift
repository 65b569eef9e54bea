internal import UsherClient
internal import UsherSystem

/// Exit codes of `usher` and `usherd`; Docs/man/usher.1 documents them.
enum ExitStatus: Int32 {
    case success = 0
    case failure = 1
    case usage = 2
    /// A ticket would be refused, or another question got the answer no.
    case refused = 3
    case agentUnreachable = 4
    case notPermitted = 5
    case notFound = 6
}

/// The end of a command that could not do what it was asked: one line that says what, where, and what to do.
struct Failure: Error, Equatable {
    var status: ExitStatus
    var message: String

    init(_ message: String, status: ExitStatus = .failure) {
        self.message = message
        self.status = status
    }
}

extension Failure {
    /// What the agent said stands in it as it is safe to print.
    init(_ error: ControlError) {
        let (message, status) = Self.explain(error)
        self.init(Printable.line(message), status: status)
    }

    init(_ error: SystemError) {
        let status: ExitStatus = error.isNotFound ? .notFound : error.isNotPermitted ? .notPermitted : .failure
        self.init(Printable.line(error.description), status: status)
    }

    private static func explain(_ error: ControlError) -> (String, ExitStatus) {
        switch error {
        case .unreachable(let socket, let reason):
            let question = "is usherd running on this host?"
            return ("the session agent does not answer on \(socket): \(reason); \(question)", .agentUnreachable)
        case .late(let socket, let seconds):
            let answer = "gave no answer within \(seconds) seconds; see its journal"
            return ("the session agent on \(socket) \(answer)", .agentUnreachable)
        case .notPermitted(let what):
            return ("not permitted: \(what)", .notPermitted)
        case .malformed(let reason):
            return ("the session agent's answer cannot be used: \(reason)", .failure)
        case .notFound(let what):
            return ("not found: \(what)", .notFound)
        case .failed(let stage, let reason):
            // A diagnostic quotes its file on further lines.
            let reason = reason.split(separator: "\n").first ?? "no reason given"
            return ("the session agent could not do it (\(stage)): \(reason)", .failure)
        case .invalid(let parameter):
            return ("the session agent does not accept this \(parameter)", .failure)
        case .unsupported(let error):
            let question = "are usher and usherd of one version?"
            return ("the session agent does not take this call (\(error)); \(question)", .failure)
        }
    }
}
