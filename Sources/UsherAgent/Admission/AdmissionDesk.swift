internal import Logging
internal import UsherConfig
internal import UsherEvidence
internal import UsherPolicy
internal import UsherStore
internal import UsherSystem
internal import UsherTicket
internal import UsherWire

/// Takes tickets: checks, burns, admits.
struct AdmissionDesk: Sendable {
    let policy: CurrentPolicy
    let store: Store
    let registry: Registry
    let sessions: SessionManager
    let audit: Audit
    let quarantine: Quarantine
    let lists: RevocationListKeeper
    let evidence: EvidenceLog
    let bootID: String
    let logger: Logger

    /// Milliseconds.
    static let auditStatusAge: Int64 = 200

    /// What the operator typed, or why the module could not pass it on.
    enum Answer: Sendable {
        case ticket([UInt8])
        case problem(String)
    }

    /// Verifies and burns the ticket; returns the handle of the admission.
    func authenticate(
        _ login: Login, answer: Answer, authenticationInfo: String?, peer: Peer
    ) async throws(Denial) -> String {
        let ticket = try parse(answer)
        let host = policy.now
        let now = SystemClock.realtimeSeconds()
        let context = LoginContext(
            hostID: host.hostID, account: login.user, service: login.service, remoteHost: login.remoteHost,
            authenticationInfo: authenticationInfo, now: now, skew: host.configuration.skew)
        let grant: Grant
        switch Policy.decide(
            ticket: ticket, context: context, trust: host.trust, roles: host.roles,
            limits: HostLimits(maxDuration: host.configuration.maxDuration))
        {
        case .success(let granted): grant = granted
        case .failure(let refusal):
            let believed = refusal.code != .unknownKey && refusal.code != .badSignature
            throw Denial(refusal.code, refusal.reason, claims: believed ? ticket.unverifiedClaims : nil)
        }
        let claims = ticket.unverifiedClaims
        try checkRevocation(claims, account: login.user, role: grant.role.name, now: now)
        let admission = try admission(grant, claims, login, host, now: now, peer: peer)
        try checkHost(host, admission, claims, peer: peer)
        try await burn(admission, claims, host, now: now)
        return admission.handle
    }

    /// The admission that this login may go on with: bound to handle, login process, account and service.
    func admission(handle: String?, _ login: Login, peer: Peer) throws(Denial) -> Admission {
        guard let handle else { throw Denial(.noAdmission, "no ticket was presented in this login") }
        guard let admission = registry.admission(handle: handle) else {
            throw revocation(handle: handle)
                ?? Denial(.noAdmission, "no admission waits under the handle that this login carries")
        }
        if let revocation = store.revocations.match(admission.ticket, account: admission.account) {
            throw Denial(.revoked, revocation.summary)
        }
        guard admission.account == login.user, admission.service == login.service else {
            throw Denial(
                .noAdmission, "the admission is for \(admission.account) by \(admission.service)")
        }
        do {
            // The login process itself, or else a child that asks for it.
            guard
                try peer.process == admission.login
                    || ProcessKey.login(of: peer.process, service: login.service) == admission.login
            else {
                throw Denial(.noAdmission, "the admission belongs to another login process")
            }
        } catch let error as SystemError {
            throw Denial(error)
        } catch let denial as Denial {
            throw denial
        } catch {
            throw Denial(.internalError, "\(error)")
        }
        let age = SystemClock.boottimeNanoseconds() - admission.admittedBoot
        guard age <= policy.now.configuration.admissionLifetime * 1_000_000_000 else {
            throw Denial(.noAdmission, "the admission lapsed")
        }
        return admission
    }

    /// Why an admission does not wait any more, where that is because it was revoked. Read only for a login that is
    /// refused anyway; what cannot be read is refused for another reason.
    private func revocation(handle: String) -> Denial? {
        guard let admission = try? store.admission(handle: handle),
            let revocation = store.revocations.match(admission.ticket, account: admission.account)
        else { return nil }
        return Denial(.revoked, revocation.summary)
    }

    /// Whether something about a verified ticket is revoked, or nobody can say because the list is missing.
    func checkRevocation(_ claims: Claims, account: String, role: String, now: Int64) throws(Denial) {
        if let revocation = store.revocations.match(TicketFacts(claims, role: role), account: account) {
            throw Denial(.revoked, revocation.summary, claims: claims)
        }
        if let reason = lists.refusal(now: now) {
            throw Denial(.revocationListMissing, reason, claims: claims)
        }
    }

    private func parse(_ answer: Answer) throws(Denial) -> SignedTicket {
        switch answer {
        case .problem("empty"): throw Denial(.emptyTicket, "the answer to the prompt was empty")
        case .problem("oversize"):
            throw Denial(.oversizeTicket, "the answer to the prompt was longer than \(Limits.ticketBytes) bytes")
        case .problem: throw Denial(.unreadableTicket, "the answer to the prompt holds bytes that no ticket has")
        case .ticket(var bytes):
            defer { Secrets.wipe(&bytes) }
            do {
                return try TicketParser.parse(bytes)
            } catch {
                throw Denial(.malformed, "\(error)")
            }
        }
    }

    private func admission(
        _ grant: Grant, _ claims: Claims, _ login: Login, _ host: HostPolicy, now: Int64, peer: Peer
    ) throws(Denial) -> Admission {
        let kind: UsherStore.AccountKind
        let uid: UInt32
        if let derived = EphemeralAccount.uid(ofName: Array(login.user.utf8).span) {
            (kind, uid) = (.ephemeral, derived)
        } else if let number = host.accountNumbers[login.user] {
            (kind, uid) = (.existing, number)
        } else {
            throw Denial(.accountNotAllowedByRole, "no role names the account \(login.user)", claims: claims)
        }
        do {
            let handle = Base32.encode(try Randomness.bytes(17), characters: 26)
            return Admission(
                handle: String(decoding: handle, as: UTF8.self), state: .waiting, bootID: bootID,
                login: try ProcessKey.login(of: peer.process, service: login.service), account: login.user,
                kind: kind, uid: uid, service: login.service, terminal: login.terminal,
                remoteHost: login.remoteHost, ticket: TicketFacts(claims, role: grant.role.name),
                maxDuration: grant.duration, idleLimit: grant.idleTimeout,
                idleCounts: UsherStore.IdleCounts(grant.role.idleCounts), shell: grant.role.shell,
                groups: kind == .ephemeral ? grant.role.groups : [], admittedAt: now,
                admittedBoot: SystemClock.boottimeNanoseconds())
        } catch {
            throw Denial(error)
        }
    }

    /// What could still refuse after the burn is asked before it.
    private func checkHost(
        _ host: HostPolicy, _ admission: Admission, _ claims: Claims, peer: Peer
    ) throws(Denial) {
        let limits = host.configuration
        // Not to let in whose evidence may find no room.
        guard evidence.isWritable else {
            throw Denial(
                .evidenceUnavailable, "the evidence log in \(EvidenceFiles.directory) has no room or cannot be written",
                claims: claims)
        }
        let taken = registry.count
        guard taken < Int(limits.maxSessions) else {
            throw Denial(.sessionsFull, "\(taken) sessions are live, as many as the host allows", claims: claims)
        }
        if admission.kind == .ephemeral {
            guard (Int64(taken) + 1) * limits.homeSizeMiB <= limits.homesBudgetMiB else {
                throw Denial(.homesBudget, "the homes of \(taken) sessions use up the budget", claims: claims)
            }
            guard !registry.holds(uid: admission.uid) else {
                throw Denial(StoreError.uidBusy, claims: claims)
            }
        }
        do {
            // Not to burn a ticket in vain; the module looks once more when it writes the tag.
            let status = try audit.status(noOlderThanMilliseconds: Self.auditStatusAge)
            guard status.isRecording else {
                throw Denial(
                    .auditUnavailable,
                    status.enabled == 0 ? "the kernel's audit is off" : "no audit daemon takes the kernel's records",
                    claims: claims)
            }
            guard try Processes.status(peer.process.pid).mayWriteAudit else {
                throw Denial(
                    .auditUnavailable, "process \(peer.process.pid) has no CAP_AUDIT_WRITE: its tag would be refused",
                    claims: claims)
            }
        } catch let denial as Denial {
            throw denial
        } catch {
            throw Denial(.auditUnavailable, "\(error)", claims: claims)
        }
    }

    /// Nil when nothing keeps the uid in quarantine. What the ledger has against the ticket weighs more: a replay is told
    /// as one.
    func quarantineRefusal(
        _ claims: Claims, _ ticket: TicketFacts, uid: UInt32, _ host: HostPolicy, now: Int64
    ) -> Denial? {
        let configuration = host.configuration
        guard let reason = quarantine.reason(uid, scans: configuration.residueScanInterval > 0) else { return nil }
        do {
            let refusal = try store.wouldRefuse(
                ticket, uid: nil, now: now, tolerance: configuration.skew, quarantine: configuration.uidQuarantine)
            if let refusal { return Denial(refusal, claims: claims) }
        } catch {
            return Denial(error, claims: claims)
        }
        return Denial(.uidBusy, reason, claims: claims)
    }

    private func burn(
        _ admission: Admission, _ claims: Claims, _ host: HostPolicy, now: Int64
    ) async throws(Denial) {
        guard registry.reserve(admission) else { throw Denial(StoreError.uidBusy, claims: claims) }
        // After the uid is held, so that a scan cannot find something of it in between unseen.
        if admission.kind == .ephemeral,
            let refusal = quarantineRefusal(claims, admission.ticket, uid: admission.uid, host, now: now)
        {
            registry.release(handle: admission.handle)
            throw refusal
        }
        do {
            try await store.admit(
                admission, now: now, tolerance: host.configuration.skew,
                quarantine: host.configuration.uidQuarantine)
        } catch {
            registry.release(handle: admission.handle)
            throw Denial(error, claims: claims)
        }
        do {
            try sessions.watch(admission)
        } catch {
            if registry.release(handle: admission.handle) {
                await sessions.lapse(admission, "the login process ended")
            }
            throw Denial(.internalError, "\(error)", claims: claims)
        }
        // One that was committed after the burn may have lapsed the admission before this login knows of it.
        if let revocation = store.revocations.match(admission.ticket, account: admission.account) {
            if registry.release(handle: admission.handle) {
                await sessions.lapse(admission, revocation.summary)
            }
            throw Denial(.revoked, revocation.summary, claims: claims)
        }
        evidence.note(.admitted(admission))
        logger.info(
            "ticket burned",
            metadata: [
                "ticket": "\(claims.ticketID)", "issuer": "\(claims.issuer)", "key": "\(claims.keyID)",
                "subject": "\(claims.subject ?? "")", "account": "\(admission.account)",
                "role": "\(admission.ticket.role)", "service": "\(admission.service)",
                "pid": "\(admission.login.pid)",
            ])
    }
}

extension TicketFacts {
    init(_ claims: Claims, role: String) {
        self.init(
            issuer: claims.issuer, keyID: claims.keyID, ticketID: claims.ticketID, expiresAt: claims.expiresAt,
            subject: claims.subject ?? "", actor: claims.actor, owner: claims.owner, role: role,
            approval: claims.approval, change: claims.change)
    }
}

extension UsherStore.IdleCounts {
    init(_ role: UsherPolicy.IdleCounts) {
        switch role {
        case .input: self = .input
        case .io: self = .io
        }
    }
}
