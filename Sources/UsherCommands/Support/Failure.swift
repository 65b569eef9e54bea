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
    init(_ error: ControlError) {
        switch error {
        case .unreachable(let socket, let reason):
            self.init(
                "the session agent does not answer on \(socket): \(reason); is usherd running on this host?",
                status: .agentUnreachable)
        case .late(let socket, let seconds):
            self.init(
                "the session agent on \(socket) gave no answer within \(seconds) seconds; see its journal",
                status: .agentUnreachable)
        case .notPermitted(let what):
            self.init("not permitted: \(what)", status: .notPermitted)
        case .malformed(let reason):
            self.init("the session agent's answer cannot be used: \(reason)")
        case .notFound(let what):
            self.init("not found: \(what)", status: .notFound)
        case .failed(let stage, let reason):
            self.init("the session agent could not do it (\(stage)): \(reason)")
        case .invalid(let parameter):
            self.init("the session agent does not accept this \(parameter)")
        case .unsupported(let error):
            self.init("the session agent does not take this call (\(error)); are usher and usherd of one version?")
        }
    }
}

extension Failure {
    init(_ error: SystemError) {
        let status: ExitStatus = error.isNotFound ? .notFound : error.isNotPermitted ? .notPermitted : .failure
        self.init(error.description, status: status)
    }
}
