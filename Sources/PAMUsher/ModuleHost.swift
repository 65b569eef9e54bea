internal import CUsherPAM

/// The process around the module, through CUsherPAM.
struct ModuleHost: PAMHost {
    let host: UnsafePointer<usher_host>

    private var pam: OpaquePointer { host.pointee.pam }

    func identifyUser() -> Bool {
        var user: UnsafePointer<CChar>?
        return pam_get_user(pam, &user, nil) == PAM_SUCCESS && user != nil
    }

    func item(_ item: PAMItem) -> [UInt8]? {
        usher_item(pam, item.number).map { [UInt8](terminated: $0) }
    }

    func variable(_ name: StaticString) -> [UInt8]? {
        pam_getenv(pam, terminated([UInt8](name))).map { [UInt8](terminated: $0) }
    }

    func setVariable(_ name: StaticString, to value: [UInt8]?) -> Bool {
        // pam_putenv(3): NAME=value sets, NAME alone removes.
        var text = [UInt8](name)
        if let value { text += [UInt8(ascii: "=")] + value }
        return pam_putenv(pam, terminated(text)) == PAM_SUCCESS
    }

    func withAnswer(to prompt: [UInt8], _ use: (Span<UInt8>) -> AgentOutcome) -> AgentOutcome? {
        var answer: UnsafeMutablePointer<CChar>?
        var length = 0
        let isAnswered = usher_prompt(pam, prompt, prompt.count, &answer, &length)
        defer { usher_discard(answer, length) }
        guard isAnswered else { return nil }
        return use(UnsafeRawBufferPointer(start: answer, count: length).bindMemory(to: UInt8.self).span)
    }

    func showError(_ text: [UInt8]) {
        usher_show(pam, true, text, text.count)
    }

    func showInformation(_ text: [UInt8]) {
        usher_show(pam, false, text, text.count)
    }

    func log(_ text: [UInt8], error: Int32) {
        usher_log(pam, text, text.count, error)
    }

    func store(session: [UInt8]?) -> Bool {
        guard let session else { return usher_store_session(pam, nil) }
        guard session.count == Int(USHER_SESSION_BYTES) else { return false }
        return usher_store_session(pam, session)
    }

    func storedSession() -> StoredSession? {
        var id: UnsafePointer<UInt8>?
        var isStoredHere = false
        guard usher_stored_session(pam, &id, &isStoredHere) else { return nil }
        let bytes = id.map { [UInt8](UnsafeBufferPointer(start: $0, count: Int(USHER_SESSION_BYTES))) }
        return StoredSession(id: bytes, isOpenedHere: isStoredHere)
    }

    func deadline(after seconds: Int64) -> Int64 {
        usher_deadline(seconds)
    }

    func exchange(
        with path: [UInt8], before deadline: Int64, _ compose: (inout JSONWriter<RequestBuffer>) -> Void
    ) -> AgentOutcome {
        let request = host.pointee.request
        var writer = JSONWriter(sink: RequestBuffer(start: request))
        compose(&writer)
        writer.sink.append(0)
        defer { usher_wipe(request, writer.sink.count) }
        guard !writer.sink.isFull else { return .failed(.request, error: 0) }
        var length = 0
        var error: Int32 = 0
        let stage = usher_exchange(host, path, path.count, writer.sink.count, deadline, &length, &error)
        defer { usher_wipe(host.pointee.reply, Int(USHER_REPLY_BYTES)) }
        if let failed = AgentStage(stage) { return .failed(failed, error: error) }
        return .reply([UInt8](UnsafeBufferPointer(start: host.pointee.reply, count: length)))
    }

    func audit(tag: [UInt8], remoteHost: [UInt8]?, terminal: [UInt8]?) -> AuditOutcome {
        let result = usher_audit(tag + [0], remoteHost.map { $0 + [0] }, terminal.map { $0 + [0] })
        return switch result {
        case 0: .written
        case -1: .disabled
        default: .failed(error: result)
        }
    }

    private func terminated(_ text: [UInt8]) -> [CChar] {
        (text + [0]).map { CChar(bitPattern: $0) }
    }
}

/// The request of one call, in the entry's stack frame.
struct RequestBuffer: ByteSink {
    private let start: UnsafeMutablePointer<UInt8>
    private(set) var count = 0
    /// Whether more was written than there is room for.
    private(set) var isFull = false

    init(start: UnsafeMutablePointer<UInt8>) {
        self.start = start
    }

    mutating func append(_ byte: UInt8) {
        guard count < Int(USHER_CALL_BYTES) else {
            isFull = true
            return
        }
        start[count] = byte
        count += 1
    }
}

extension PAMItem {
    fileprivate var number: Int32 {
        switch self {
        case .user: Int32(PAM_USER)
        case .service: Int32(PAM_SERVICE)
        case .terminal: Int32(PAM_TTY)
        case .remoteHost: Int32(PAM_RHOST)
        case .remoteUser: Int32(PAM_RUSER)
        }
    }
}

extension AgentStage {
    /// Nil when the agent answered. A stage that is not known is the last one, so that it is a failure too.
    fileprivate init?(_ stage: usher_stage) {
        switch stage {
        case USHER_ANSWERED: return nil
        case USHER_SOCKET: self = .socket
        case USHER_CONNECT: self = .connect
        case USHER_PEER: self = .peer
        case USHER_SEND: self = .send
        case USHER_RECEIVE: self = .receive
        case USHER_CLOSED: self = .closed
        case USHER_REPLY_TOO_LONG: self = .replyTooLong
        default: self = .trailingBytes
        }
    }
}

extension [UInt8] {
    /// The bytes of a C string without its NUL.
    init(terminated text: UnsafePointer<CChar>) {
        self.init(UnsafeRawBufferPointer(start: text, count: usher_length(text)))
    }
}
