#if !hasFeature(Embedded)
    import UsherWire
#endif

/// The methods of io.usher.Agent.
enum AgentMethod {
    case authenticate, authorize, openSession, reportTag, enter, closeSession

    /// As it stands in a call.
    var name: StaticString {
        switch self {
        case .authenticate: "io.usher.Agent.Authenticate"
        case .authorize: "io.usher.Agent.Authorize"
        case .openSession: "io.usher.Agent.OpenSession"
        case .reportTag: "io.usher.Agent.ReportTag"
        case .enter: "io.usher.Agent.Enter"
        case .closeSession: "io.usher.Agent.CloseSession"
        }
    }
}

/// Why a phase does not succeed. The operator learns no more than that, and the reference where there is one; the
/// rest is for the log.
enum PhaseFailure: Error {
    case argument(ModuleArguments.Problem)
    case fact(LoginFacts.Problem)
    case conversation
    case agent(AgentMethod, path: [UInt8], AgentStage, error: Int32)
    case answer(AgentMethod)
    case refused(AgentMethod, reference: [UInt8])
    case audit(AuditOutcome)
    /// Something else that did not come about; the text says what.
    case step(StaticString)

    /// What the operator is shown; nil when the conversation is what failed.
    var message: [UInt8]? {
        switch self {
        case .conversation: nil
        case .refused(_, let reference): [UInt8]("Ticket refused (ref ") + reference + [UInt8](")")
        default: [UInt8]("Ticket refused")
        }
    }

    /// The line for syslog and the errno value that explains it, or 0.
    var line: (text: [UInt8], error: Int32) {
        switch self {
        case .argument(let problem): (problem.text, 0)
        case .fact(let problem): (problem.text, 0)
        case .conversation: ([UInt8]("conversation: no answer to the prompt"), 0)
        case .agent(let method, let path, let stage, let error):
            ([UInt8](method.name) + [UInt8](": ") + [UInt8](stage.text) + [UInt8](" ") + path, error)
        case .answer(let method): ([UInt8](method.name) + [UInt8](": answer: not what the interface describes"), 0)
        case .refused(let method, let reference):
            ([UInt8](method.name) + [UInt8](": refused (ref ") + reference + [UInt8](")"), 0)
        case .audit(.failed(let error)): ([UInt8]("audit: the session's record was not taken"), error)
        case .audit: ([UInt8]("audit: the kernel's auditing is off"), 0)
        case .step(let text): ([UInt8](text), 0)
        }
    }
}

extension AgentStage {
    fileprivate var text: StaticString {
        switch self {
        case .socket: "socket for"
        case .connect: "connect"
        case .peer: "peer does not run as root:"
        case .request: "request: longer than 8192 bytes, not sent to"
        case .send: "send"
        case .receive: "receive"
        case .closed: "receive: closed before the end of the answer:"
        case .replyTooLong: "receive: answer longer than 16384 bytes:"
        case .trailingBytes: "receive: bytes behind the answer:"
        }
    }
}

extension ModuleArguments.Problem {
    fileprivate var text: [UInt8] {
        switch self {
        case .unknown(let argument): [UInt8]("module argument is unknown: ") + Self.quoted(argument)
        case .duplicate(let argument): [UInt8]("module argument is given twice: ") + Self.quoted(argument)
        case .badValue(let argument): [UInt8]("module argument is out of range: ") + Self.quoted(argument)
        }
    }

    /// At most 100 bytes, so that a damaged file in /etc/pam.d stays one readable line in the log.
    private static func quoted(_ argument: [UInt8]) -> [UInt8] {
        var text: [UInt8] = []
        for byte in argument.prefix(100) { text.append(byte < 0x20 || byte > 0x7E ? UInt8(ascii: "?") : byte) }
        return text
    }
}

extension LoginFacts.Problem {
    fileprivate var text: [UInt8] {
        switch self {
        case .missing(let item): [UInt8](item.name) + [UInt8](" is not set")
        case .tooLong(let item): [UInt8](item.name) + [UInt8](" is longer than 255 bytes")
        case .notPrintable(let item): [UInt8](item.name) + [UInt8](" is not printable ASCII")
        }
    }
}

extension PAMItem {
    fileprivate var name: StaticString {
        switch self {
        case .user: "PAM_USER"
        case .service: "PAM_SERVICE"
        case .terminal: "PAM_TTY"
        case .remoteHost: "PAM_RHOST"
        case .remoteUser: "PAM_RUSER"
        }
    }
}
