internal import Logging
internal import UsherPolicy
internal import UsherStore
internal import UsherSystem
internal import UsherTicket
internal import UsherWire

/// io.usher.Control: what administrators and the SOC ask.
struct ControlService: VarlinkService {
    /// How long EndSession with `wait` waits for the teardown.
    private static let endPatience: Duration = .seconds(30)

    let authorization: Authorization
    let sessions: SessionManager
    let desk: AdmissionDesk
    let revocations: Revocations
    let host: HostFacts
    let reload: @Sendable () async throws -> HostPolicy
    let residue: ResidueKeeper
    let detection: DetectionDesk
    let logger: Logger

    struct HostFacts: Sendable {
        var version: String
        var startedAt: Int64
        /// The public JWK that verifies the host's receipts.
        var key: String
    }

    /// Everybody who could open the socket may ask; each method judges by itself.
    func refusal(of peer: Peer) -> String? { nil }

    func answer(_ call: VarlinkCall, from peer: Peer) async -> VarlinkReply {
        let parameters = Parameters(call.parameters)
        do {
            switch String(decoding: call.method, as: UTF8.self) {
            case "io.usher.Control.ListSessions": return try listSessions(parameters, peer)
            case "io.usher.Control.ShowSession": return try showSession(parameters, peer)
            case "io.usher.Control.EndSession": return try await endSession(parameters, peer)
            case "io.usher.Control.GetReceipt": return try getReceipt(parameters, peer)
            case "io.usher.Control.ExtendSession": return try await extendSession(parameters, peer)
            case "io.usher.Control.ExplainRefusal": return try await explainRefusal(parameters, peer)
            case "io.usher.Control.InspectTicket": return try inspectTicket(parameters, peer)
            case "io.usher.Control.ListResidue": return try listResidue(parameters, peer)
            case "io.usher.Control.ScanResidue": return try await scanResidue(parameters, peer)
            case "io.usher.Control.AdoptResidue": return try await adoptResidue(parameters, peer)
            case "io.usher.Control.RemoveResidue": return try await removeResidue(parameters, peer)
            case "io.usher.Control.ShowResidueJob": return try await showResidueJob(parameters, peer)
            case "io.usher.Control.ListRoles": return try listRoles(parameters, peer)
            case "io.usher.Control.Reload": return try await reload(parameters, peer)
            case "io.usher.Control.Revoke": return try await revoke(parameters, peer)
            case "io.usher.Control.ListRevocations": return try listRevocations(parameters, peer)
            case "io.usher.Control.LiftRevocation": return try await liftRevocation(parameters, peer)
            case "io.usher.Control.GetHost": return try getHost(parameters, peer)
            default: return .methodNotFound(call)
            }
        } catch let error as ParameterError {
            return .invalidParameter(error)
        } catch let error as NotPermitted {
            logger.warning(
                "call not permitted",
                metadata: [
                    "method": "\(String(decoding: call.method, as: UTF8.self))", "reason": "\(error.reason)",
                    "uid": "\(peer.uid)", "pid": "\(peer.process.pid)",
                ])
            // A session's own attempt at more is evidence of what it is up to.
            if let session = try? authorization.sessionOf(peer)?.session {
                detection.controlRefused(
                    session: session, method: String(decoding: call.method, as: UTF8.self), reason: error.reason,
                    peer: peer)
            }
            return .failure("io.usher.Control.NotPermitted", ["what": .text(error.reason)])
        } catch let error as NotFound {
            return .failure("io.usher.Control.NotFound", ["what": .text(error.what)])
        } catch let error as SystemError {
            return .failure(
                "io.usher.Control.Failed", ["stage": .text(error.stage), "reason": .text(error.message)])
        } catch {
            return .failure("io.usher.Control.Failed", ["stage": .text("state"), "reason": .text("\(error)")])
        }
    }

    private struct NotPermitted: Error { var reason: String }
    struct NotFound: Error { var what: String }

    func require(_ need: Authorization.Need, _ peer: Peer) throws {
        if let reason = authorization.refusal(need, peer) { throw NotPermitted(reason: reason) }
    }

    // MARK: Sessions

    private func listSessions(_ parameters: Parameters, _ peer: Peer) throws -> VarlinkReply {
        var parameters = parameters
        let all = try parameters.optionalBoolean("all") ?? false
        let limit = try parameters.optionalInteger("limit") ?? 200
        try parameters.finish()
        guard (1...2000).contains(limit) else { throw ParameterError(name: "limit") }
        try require(.read, peer)
        let live = sessions.registry.sessions().map(\.session)
        guard all else { return .ok(["sessions": .array(live.map { Self.value($0) })]) }
        let known = Set(live.map(\.id))
        let closed = try sessions.store.sessions(limit: Int(limit)).filter { !known.contains($0.id) }
        return .ok(["sessions": .array((closed.reversed() + live).map { Self.value($0) })])
    }

    private func showSession(_ parameters: Parameters, _ peer: Peer) throws -> VarlinkReply {
        var parameters = parameters
        let id = try parameters.string("id")
        try parameters.finish()
        try require(.session(id: id, changes: false), peer)
        return .ok(["session": Self.value(try find(id), extensions: try sessions.store.extensions(of: id))])
    }

    private func endSession(_ parameters: Parameters, _ peer: Peer) async throws -> VarlinkReply {
        var parameters = parameters
        let id = try parameters.string("id")
        let reason = try parameters.reason()
        let wait = try parameters.optionalBoolean("wait") ?? false
        try parameters.finish()
        try require(.session(id: id, changes: true), peer)
        guard try find(id).state != .closed else { throw NotFound(what: "live session \(id): it is closed") }
        await sessions.end(id: id, .administrator(reason: reason, uid: peer.uid, pid: peer.process.pid))
        if wait {
            let end = ContinuousClock.now + Self.endPatience
            while sessions.registry.session(id: id) != nil, ContinuousClock.now < end {
                try await Task.sleep(for: .milliseconds(20))
            }
        }
        return .ok(["session": Self.value(try find(id))])
    }

    private func getReceipt(_ parameters: Parameters, _ peer: Peer) throws -> VarlinkReply {
        var parameters = parameters
        let id = try parameters.string("id")
        try parameters.finish()
        try require(.session(id: id, changes: false), peer)
        let session = try find(id)
        let records = try sessions.store.receipts(session: id)
        guard !records.isEmpty else {
            throw NotFound(what: "a receipt of session \(id): it is \(session.state.rawValue)")
        }
        return .ok(["records": .array(records.map { .text($0.text) })])
    }

    private func extendSession(_ parameters: Parameters, _ peer: Peer) async throws -> VarlinkReply {
        var parameters = parameters
        let id = try parameters.string("id")
        let seconds = try parameters.optionalInteger("seconds") ?? 0
        let reason = try parameters.reason()
        try parameters.finish()
        guard (1...604_800).contains(seconds) else { throw ParameterError(name: "seconds") }
        // Not the session's own business: `change` is nothing that a caller inside one may.
        try require(.change, peer)
        guard try find(id).state != .closed else { throw NotFound(what: "live session \(id): it is closed") }
        do {
            let session = try await sessions.extend(id: id, by: seconds, reason: reason, peer: peer)
            return .ok(["session": Self.value(session, extensions: try sessions.store.extensions(of: id))])
        } catch let refusal as SessionManager.ExtensionRefusal {
            return .failure(
                "io.usher.Control.Failed", ["stage": .text("extend"), "reason": .text(refusal.reason)])
        }
    }

    private func find(_ id: String) throws -> Session {
        if let live = sessions.registry.session(id: id) { return live.session }
        guard let session = try sessions.store.session(id: id) else { throw NotFound(what: "session \(id)") }
        return session
    }

    // MARK: Tickets and refusals

    private func explainRefusal(_ parameters: Parameters, _ peer: Peer) async throws -> VarlinkReply {
        var parameters = parameters
        let reference = try parameters.string("reference")
        try parameters.finish()
        try require(.read, peer)
        guard let refusal = try await sessions.store.refusal(reference: reference) else {
            throw NotFound(what: "reference \(reference)")
        }
        return .ok([
            "reference": .text(refusal.reference), "at": .number(refusal.at), "code": .text(refusal.code),
            "reason": .text(refusal.reason), "account": .text(refusal.account), "service": .text(refusal.service),
            "remoteHost": .text(refusal.remoteHost), "issuer": .text(refusal.issuer),
            "ticket": .text(refusal.ticketID), "subject": .text(refusal.subject),
        ])
    }

    private func inspectTicket(_ parameters: Parameters, _ peer: Peer) throws -> VarlinkReply {
        var parameters = parameters
        guard let ticket = try parameters.optionalBytes("ticket") else { throw ParameterError(name: "ticket") }
        let account = try parameters.optionalString("account")
        let service = try parameters.optionalString("service")
        let remoteHost = try parameters.optionalString("remoteHost")
        try parameters.finish()
        try require(.read, peer)
        do throws(Denial) {
            try desk.inspect(ticket, account: account, service: service, remoteHost: remoteHost)
            return .ok(["admissible": .boolean(true)])
        } catch {
            return .ok([
                "admissible": .boolean(false), "code": .text(error.code.rawValue), "reason": .text(error.reason),
            ])
        }
    }

    // MARK: Host

    private func listRoles(_ parameters: Parameters, _ peer: Peer) throws -> VarlinkReply {
        try parameters.finish()
        try require(.read, peer)
        let roles = desk.policy.now.roles.values.sorted { $0.name < $1.name }
        return .ok(["roles": .array(roles.map { Self.value($0) })])
    }

    private func reload(_ parameters: Parameters, _ peer: Peer) async throws -> VarlinkReply {
        try parameters.finish()
        try require(.change, peer)
        let policy = try await reload()
        return .ok(["trustEntries": .number(policy.trust.count), "roles": .number(policy.roles.count)])
    }

    private func getHost(_ parameters: Parameters, _ peer: Peer) throws -> VarlinkReply {
        try parameters.finish()
        try require(.read, peer)
        return .ok([
            "id": .text(desk.policy.now.hostID), "version": .text(host.version),
            "startedAt": .number(host.startedAt), "liveSessions": .number(sessions.registry.sessionCount),
            "key": .text(host.key),
        ])
    }
}
