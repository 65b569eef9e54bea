internal import UsherStore
internal import UsherWire

/// io.usher.Agent: what the PAM module asks, phase by phase.
struct AgentService: VarlinkService {
    let desk: AdmissionDesk
    let sessions: SessionManager
    let refusals: Refusals

    func refusal(of peer: Peer) -> String? {
        peer.uid == 0 ? nil : "io.usher.Agent is for root only"
    }

    func answer(_ call: VarlinkCall, from peer: Peer) async -> VarlinkReply {
        do throws(ParameterError) {
            var parameters = Parameters(call.parameters)
            switch String(decoding: call.method, as: UTF8.self) {
            case "io.usher.Agent.Authenticate": return try await authenticate(&parameters, peer)
            case "io.usher.Agent.Authorize": return try await authorize(&parameters, peer)
            case "io.usher.Agent.OpenSession": return try await openSession(&parameters, peer)
            case "io.usher.Agent.ReportTag": return try await reportTag(&parameters, peer)
            case "io.usher.Agent.Enter": return try await enter(&parameters, peer)
            case "io.usher.Agent.CloseSession": return try await closeSession(&parameters, peer)
            default: return .methodNotFound(call)
            }
        } catch {
            return .invalidParameter(error)
        }
    }

    private func authenticate(_ parameters: inout Parameters, _ peer: Peer) async throws(ParameterError) -> VarlinkReply
    {
        let login = try Login(try parameters.object("login"))
        let ticket = try parameters.optionalBytes("ticket")
        let problem = try parameters.optionalString("problem")
        let information = try parameters.optionalString("authenticationInfo")
        try parameters.finish()
        let answer: AdmissionDesk.Answer
        switch (ticket, problem) {
        case (let bytes?, nil): answer = .ticket(bytes)
        case (nil, let word?) where ["empty", "oversize", "charset"].contains(word): answer = .problem(word)
        default: throw ParameterError(name: ticket == nil ? "ticket" : "problem")
        }
        do throws(Denial) {
            let handle = try await desk.authenticate(
                login, answer: answer, authenticationInfo: information, peer: peer)
            return .ok(["handle": .text(handle)])
        } catch {
            return refusals.refuse(error, login, phase: "authenticate")
        }
    }

    private func authorize(_ parameters: inout Parameters, _ peer: Peer) async throws(ParameterError) -> VarlinkReply {
        let login = try Login(try parameters.object("login"))
        let handle = try parameters.optionalString("handle")
        try parameters.finish()
        do throws(Denial) {
            _ = try desk.admission(handle: handle, login, peer: peer)
            return .ok()
        } catch {
            return refusals.refuse(error, login, phase: "account")
        }
    }

    private func openSession(_ parameters: inout Parameters, _ peer: Peer) async throws(ParameterError) -> VarlinkReply
    {
        let login = try Login(try parameters.object("login"))
        let handle = try parameters.optionalString("handle")
        try parameters.finish()
        do throws(Denial) {
            let session = try await sessions.open(try desk.admission(handle: handle, login, peer: peer), peer: peer)
            return .ok([
                "session": .text(session.id), "tag": .text(SessionTexts.tag(session)),
                "notice": .text(SessionTexts.notice(session)),
            ])
        } catch {
            return refusals.refuse(error, login, phase: "open_session")
        }
    }

    private func reportTag(_ parameters: inout Parameters, _ peer: Peer) async throws(ParameterError) -> VarlinkReply {
        let id = try parameters.string("session")
        let written = try parameters.boolean("written")
        try parameters.finish()
        return await ofSession(id, "report_tag") { () async throws(Denial) in
            try await sessions.reportTag(id: id, written: written, peer: peer)
        }
    }

    private func enter(_ parameters: inout Parameters, _ peer: Peer) async throws(ParameterError) -> VarlinkReply {
        let id = try parameters.string("session")
        try parameters.finish()
        return await ofSession(id, "enter") { () async throws(Denial) in
            try await sessions.enter(id: id, peer: peer)
        }
    }

    private func closeSession(_ parameters: inout Parameters, _ peer: Peer) async throws(ParameterError) -> VarlinkReply
    {
        let id = try parameters.string("session")
        try parameters.finish()
        return await ofSession(id, "close_session") { () async throws(Denial) in
            try await sessions.close(id: id, peer: peer)
        }
    }

    private func ofSession(
        _ id: String, _ phase: String, _ body: () async throws(Denial) -> Void
    ) async -> VarlinkReply {
        do throws(Denial) {
            try await body()
            return .ok()
        } catch {
            let admission = sessions.registry.session(id: id)?.session.admission
            let login = Login(user: admission?.account ?? "?", service: admission?.service ?? "?")
            return refusals.refuse(error, login, phase: phase)
        }
    }
}
