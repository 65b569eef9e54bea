#if !hasFeature(Embedded)
    import UsherWire
#endif

/// One call of libpam into the module: what each phase asks the agent, and what libpam is told of the answer.
/// Whatever is not exactly right is a refusal, and every refusal is logged once, here.
public struct PAMPhases<Host: PAMHost> {
    private let host: Host
    private let arguments: [[UInt8]]
    /// PAM_SILENT: no messages to the operator.
    private let isSilent: Bool

    public init(host: Host, arguments: [[UInt8]], isSilent: Bool) {
        self.host = host
        self.arguments = arguments
        self.isSilent = isSilent
    }

    /// pam_sm_authenticate: asks for the ticket and has the agent burn it.
    public func authenticate() -> PAMResult {
        do throws(PhaseFailure) {
            try redeem(try checkedArguments())
            return .success
        } catch {
            report(error)
            return switch error {
            case .argument: .serviceError
            case .conversation: .conversationError
            case .agent, .answer: .authenticationUnavailable
            default: .permissionDenied
            }
        }
    }

    /// pam_sm_acct_mgmt: is there an admission for this very login? Asked whatever authenticated it.
    public func authorize() -> PAMResult {
        deniedOnFailure { () throws(PhaseFailure) in
            let arguments = try checkedArguments()
            let login = try facts()
            let handle = self.handle
            let answer = try ask(.authorize, arguments, before: deadline(arguments)) { writer in
                login.write(to: &writer)
                writer.member("handle", handle)
            }
            guard AgentAnswer.isNothing(answer) else { throw PhaseFailure.answer(.authorize) }
        }
    }

    /// pam_sm_open_session: opens the session and writes its tag to the audit stream.
    public func openSession() -> PAMResult {
        let result = deniedOnFailure { () throws(PhaseFailure) in try open(try checkedArguments()) }
        // sshd lets a connection without a command stay although its session was refused; what is left here makes
        // establishCredentials refuse the child that would serve it.
        if result != .success { _ = host.store(session: nil) }
        return result
    }

    /// pam_sm_setcred, to establish or refresh: sshd calls it a second time, in the child that is about to become
    /// the operator. Everywhere else there is nothing to do.
    public func establishCredentials() -> PAMResult {
        deniedOnFailure { () throws(PhaseFailure) in
            let arguments = try checkedArguments()
            guard let session = host.storedSession(), !session.isOpenedHere else { return }
            guard let id = session.id else { throw PhaseFailure.step("setcred: the session was refused") }
            try tell(.enter, of: id, arguments)
        }
    }

    /// pam_sm_setcred, to delete: the agent takes everything away when the session closes.
    public func deleteCredentials() -> PAMResult {
        deniedOnFailure { () throws(PhaseFailure) in _ = try checkedArguments() }
    }

    /// pam_sm_close_session. The agent watches the leader by pidfd, so a session whose close it was not told ends
    /// with this process.
    public func closeSession() -> PAMResult {
        deniedOnFailure(isShown: false) { () throws(PhaseFailure) in
            let arguments = try checkedArguments()
            guard let id = host.storedSession()?.id else { return }
            try tell(.closeSession, of: id, arguments)
        }
    }
}

// MARK: - What the phases consist of

extension PAMPhases {
    private func redeem(_ arguments: ModuleArguments) throws(PhaseFailure) {
        guard host.identifyUser() else { throw .conversation }
        // The prompt comes first and looks the same for every name; what is wrong with the login shows afterwards.
        let login = Result { () throws(PhaseFailure) in (try facts(), try authenticationInfo()) }
        let outcome = host.withAnswer(to: arguments.prompt) { answer in
            guard case .success((let login, let authenticationInfo)) = login else {
                return .failed(.request, error: 0)
            }
            return host.exchange(with: arguments.agent, before: deadline(arguments)) { writer in
                begin(.authenticate, &writer)
                login.write(to: &writer)
                if let problem = TicketAnswer.problem(of: answer) {
                    writer.name("problem")
                    writer.string(problem)
                } else {
                    writer.name("ticket")
                    writer.string(answer)
                }
                writer.member("authenticationInfo", authenticationInfo)
                end(&writer)
            }
        }
        _ = try login.get()
        guard let outcome else { throw .conversation }
        guard let handle = AgentAnswer.handle(try parameters(of: outcome, .authenticate, arguments)) else {
            throw .answer(.authenticate)
        }
        guard host.setVariable(handleVariable, to: handle) else { throw .step("pam_putenv: USHER_HANDLE not set") }
    }

    /// Everything that can fail here comes before the agent hears that the tag is written, so that no session is
    /// open whose login was refused.
    private func open(_ arguments: ModuleArguments) throws(PhaseFailure) {
        let login = try facts()
        let handle = self.handle
        if host.variable(handleVariable) != nil {
            // The rest of the PAM environment becomes the operator's.
            guard host.setVariable(handleVariable, to: nil) else { throw .step("pam_putenv: USHER_HANDLE not removed") }
        }
        let deadline = deadline(arguments)
        let answer = try ask(.openSession, arguments, before: deadline) { writer in
            login.write(to: &writer)
            writer.member("handle", handle)
        }
        guard let session = AgentAnswer.session(answer) else { throw .answer(.openSession) }
        do throws(PhaseFailure) {
            try mark(session, login)
        } catch {
            // The agent ends what it opened; if it does not hear this, it does so for want of a report.
            _ = try? reportTag(of: session.id, written: false, arguments, before: deadline)
            throw error
        }
        try reportTag(of: session.id, written: true, arguments, before: deadline)
        if !isSilent { host.showInformation(session.notice) }
    }

    /// Leaves the session's id with libpam and in the audit stream.
    private func mark(_ session: OpenedSession, _ login: LoginFacts) throws(PhaseFailure) {
        guard host.store(session: session.id) else { throw .step("pam_set_data: session not stored") }
        guard host.setVariable("USHER_SESSION", to: session.id) else {
            throw .step("pam_putenv: USHER_SESSION not set")
        }
        let outcome = host.audit(
            tag: session.tag, remoteHost: auditSafe(login.remoteHost), terminal: auditSafe(login.terminal))
        guard outcome == .written else { throw .audit(outcome) }
    }

    private func reportTag(
        of session: [UInt8], written: Bool, _ arguments: ModuleArguments, before deadline: Int64
    ) throws(PhaseFailure) {
        let answer = try ask(.reportTag, arguments, before: deadline) { writer in
            writer.member("session", session)
            writer.name("written")
            writer.boolean(written)
        }
        guard AgentAnswer.isNothing(answer) else { throw .answer(.reportTag) }
    }

    /// A call whose only parameter is the session and whose answer is empty.
    private func tell(
        _ method: AgentMethod, of session: [UInt8], _ arguments: ModuleArguments
    ) throws(PhaseFailure) {
        let answer = try ask(method, arguments, before: deadline(arguments)) { $0.member("session", session) }
        guard AgentAnswer.isNothing(answer) else { throw .answer(method) }
    }

    /// sshd's account of the key that was accepted before the prompt. Any other program's environment is not to be
    /// believed: su and sudo hand on what their caller put there.
    private func authenticationInfo() throws(PhaseFailure) -> [UInt8]? {
        guard let service = host.item(.service), service.equals("sshd"), let text = host.variable("SSH_AUTH_INFO_0")
        else { return nil }
        for byte in text where byte != 0x0A && (byte < 0x20 || byte > 0x7E) {
            throw .step("SSH_AUTH_INFO_0 is not printable ASCII")
        }
        return text
    }

    /// What Authenticate left; a value of another form is nobody's handle, and the agent refuses a login without.
    private var handle: [UInt8]? {
        guard let handle = host.variable(handleVariable), AgentAnswer.isHandle(handle) else { return nil }
        return handle
    }

    private var handleVariable: StaticString { "USHER_HANDLE" }

    /// libaudit does not encode these two; nil is written as `?`.
    private func auditSafe(_ bytes: [UInt8]?) -> [UInt8]? {
        guard let bytes else { return nil }
        for byte in bytes where byte == 0x20 || byte == UInt8(ascii: "=") || !AgentAnswer.isAuditSafe(byte) {
            return nil
        }
        return bytes
    }
}

// MARK: - One call to the agent, and what is said about a failure

extension PAMPhases {
    private func checkedArguments() throws(PhaseFailure) -> ModuleArguments {
        do { return try ModuleArguments(arguments) } catch { throw .argument(error) }
    }

    private func facts() throws(PhaseFailure) -> LoginFacts {
        do { return try LoginFacts(of: host) } catch { throw .fact(error) }
    }

    private func deadline(_ arguments: ModuleArguments) -> Int64 {
        host.deadline(after: Int64(arguments.timeout))
    }

    private func ask(
        _ method: AgentMethod, _ arguments: ModuleArguments, before deadline: Int64,
        _ compose: (inout JSONWriter<Host.Request>) -> Void
    ) throws(PhaseFailure) -> JSONObject {
        let outcome = host.exchange(with: arguments.agent, before: deadline) { writer in
            begin(method, &writer)
            compose(&writer)
            end(&writer)
        }
        return try parameters(of: outcome, method, arguments)
    }

    private func begin(_ method: AgentMethod, _ writer: inout JSONWriter<Host.Request>) {
        writer.beginObject()
        writer.name("method")
        writer.string(method.name)
        writer.name("parameters")
        writer.beginObject()
    }

    private func end(_ writer: inout JSONWriter<Host.Request>) {
        writer.endObject()
        writer.endObject()
    }

    private func parameters(
        of outcome: AgentOutcome, _ method: AgentMethod, _ arguments: ModuleArguments
    ) throws(PhaseFailure) -> JSONObject {
        switch outcome {
        case .failed(let stage, let error): throw .agent(method, path: arguments.agent, stage, error: error)
        case .reply(let frame):
            guard let reply = VarlinkReply.parse(frame.span) else { throw .answer(method) }
            guard let error = reply.error else { return reply.parameters }
            guard error.equals("io.usher.Agent.Refused"), let reference = AgentAnswer.reference(reply.parameters)
            else { throw .answer(method) }
            throw .refused(method, reference: reference)
        }
    }

    private func deniedOnFailure(
        isShown: Bool = true, _ phase: () throws(PhaseFailure) -> Void
    ) -> PAMResult {
        do throws(PhaseFailure) {
            try phase()
            return .success
        } catch {
            report(error, isShown: isShown)
            return .permissionDenied
        }
    }

    private func report(_ failure: PhaseFailure, isShown: Bool = true) {
        let line = failure.line
        host.log(line.text, error: line.error)
        if isShown, !isSilent, let message = failure.message { host.showError(message) }
    }
}
