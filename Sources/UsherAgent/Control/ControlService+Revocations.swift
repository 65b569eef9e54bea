internal import UsherConfig
internal import UsherPolicy
internal import UsherStore
internal import UsherSystem
internal import UsherTicket
internal import UsherWire

extension ControlService {
    /// The most revocations in one answer; with the longest texts they stay below `Limits.controlReplyBytes`.
    private static let mostListed: Int64 = 2000

    func revoke(_ parameters: Parameters, _ peer: Peer) async throws -> VarlinkReply {
        var parameters = parameters
        let kind = RevocationEntry.Kind(rawValue: try parameters.string("kind"))
        let value = try parameters.optionalString("value")
        var issuer = try parameters.optionalString("issuer")
        let reason = try parameters.string("reason")
        try parameters.finish()
        guard let kind else { throw ParameterError(name: "kind") }
        guard (value == nil) == (kind == .all) else { throw ParameterError(name: "value") }
        try require(.change, peer)
        var expiresAt: Int64?
        if kind == .ticket, let value {
            // Of a ticket that came here the host knows the rest.
            let known = try revocations.store.admittedTicket(id: value)
            issuer = issuer ?? known?.issuer ?? onlyIssuer()
            if let known, known.issuer == issuer { expiresAt = known.expiresAt }
        }
        let entry: RevocationEntry
        do {
            entry = try RevocationEntry(
                kind: kind, value: value ?? "", issuer: issuer ?? "", reason: reason, expiresAt: expiresAt)
        } catch {
            let name = error.detail.prefix { $0 != " " }
            throw ParameterError(name: ["reason", "issuer"].contains(name) ? String(name) : "value")
        }
        let warnings = warnings(entry)
        let outcome = try await revocations.revoke(entry, by: EndCause.caller(uid: peer.uid, pid: peer.process.pid))
        return .ok([
            "revocation": Self.value(outcome.revocation), "stoodBefore": .boolean(outcome.stoodBefore),
            "sessionsEnded": .number(outcome.sessionsEnded), "admissionsLapsed": .number(outcome.admissionsLapsed),
            "warnings": .array(warnings.map { .text($0) }),
        ])
    }

    func listRevocations(_ parameters: Parameters, _ peer: Peer) throws -> VarlinkReply {
        var parameters = parameters
        let all = try parameters.optionalBoolean("all") ?? false
        let limit = try parameters.optionalInteger("limit") ?? 1000
        try parameters.finish()
        guard (1...Self.mostListed).contains(limit) else { throw ParameterError(name: "limit") }
        try require(.read, peer)
        let standing = revocations.store.revocations.all()
        let shown = standing.suffix(Int(limit))
        let lifted = all ? try revocations.store.liftedRevocations(limit: Int(limit) - shown.count) : []
        return .ok([
            "revocations": .array((lifted.reversed() + shown).map { Self.value($0) }),
            "standing": .number(standing.count), "list": list(),
        ])
    }

    func liftRevocation(_ parameters: Parameters, _ peer: Peer) async throws -> VarlinkReply {
        var parameters = parameters
        let id = try parameters.string("id")
        let reason = try parameters.string("reason")
        try parameters.finish()
        do {
            // The same rule as for the reason of a revocation.
            _ = try RevocationEntry(kind: .all, reason: reason)
        } catch {
            throw ParameterError(name: "reason")
        }
        try require(.change, peer)
        let by = EndCause.caller(uid: peer.uid, pid: peer.process.pid)
        guard let lifted = try await revocations.lift(id: id, reason: reason, by: by) else {
            throw NotFound(what: "standing revocation \(id)")
        }
        return .ok(["revocation": Self.value(lifted)])
    }

    /// The issuer of tickets that the host trusts, where there is one alone.
    private func onlyIssuer() -> String? {
        let issuers = Set(desk.policy.now.trust.filter { $0.signs == .tickets }.map(\.issuer))
        return issuers.count == 1 ? issuers.first : nil
    }

    /// What may be a slip: the revocation stands all the same, for a ticket of tomorrow may have it.
    private func warnings(_ entry: RevocationEntry) -> [String] {
        let policy = desk.policy.now
        switch entry.kind {
        case .role where policy.roles[entry.value] == nil: return ["this host has no role \(entry.value)"]
        case .key where !policy.trust.contains(where: { $0.key.keyID == entry.value }):
            return ["no trust entry has key \(entry.value)"]
        case .ticket where !policy.trust.contains(where: { $0.issuer == entry.issuer }):
            return ["no trust entry has issuer \(entry.issuer)"]
        case .account where policy.accountNumbers[entry.value] == nil && !isEphemeral(entry.value):
            return ["no role opens the account \(entry.value)"]
        default: return []
        }
    }

    private func isEphemeral(_ account: String) -> Bool {
        EphemeralAccount.uid(ofName: Array(account.utf8).span) != nil
    }

    private func list() -> JSONValue? {
        let configuration = desk.policy.now.configuration
        guard let path = configuration.revocationList else { return nil }
        let (list, problem) = desk.lists.report
        let state: String
        let reason: String?
        switch desk.lists.standing(now: SystemClock.realtimeSeconds()) {
        case .notConfigured, .inForce: (state, reason) = ("inForce", problem)
        case .missing(let why): (state, reason) = ("missing", why)
        case .expired(let why): (state, reason) = ("expired", why)
        }
        return .object(
            JSONObject([
                "path": .text(path), "state": .text(state),
                "whenMissing": .text(configuration.revocationMissing.rawValue), "problem": .text(reason),
                "number": .number(list?.number), "issuer": .text(list?.issuer), "key": .text(list?.keyID),
                "issuedAt": .number(list?.issuedAt), "expiresAt": .number(list?.expiresAt),
                "entries": .number(list.map { Int64($0.entries.count) }),
            ]))
    }
}
