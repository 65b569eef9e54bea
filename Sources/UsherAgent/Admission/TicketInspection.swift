internal import UsherConfig
internal import UsherPolicy
internal import UsherStore
internal import UsherSystem
internal import UsherTicket
internal import UsherWire

extension AdmissionDesk {
    /// Throws what would refuse this ticket now; burns nothing. What is not given is taken from the ticket.
    func inspect(
        _ bytes: [UInt8], account: String?, service: String?, remoteHost: String?
    ) throws(Denial) {
        let ticket: SignedTicket
        do {
            ticket = try TicketParser.parse(bytes)
        } catch {
            throw Denial(.malformed, "\(error)")
        }
        let claims = ticket.unverifiedClaims
        let host = policy.now
        let now = SystemClock.realtimeSeconds()
        let source = claims.source.map { String($0.description.prefix { $0 != "/" }) }
        let context = LoginContext(
            hostID: host.hostID, account: account ?? claims.account,
            service: service ?? claims.effectiveServices.first ?? "sshd", remoteHost: remoteHost ?? source,
            assumedKey: claims.key, now: now, skew: host.configuration.skew)
        let grant: Grant
        switch Policy.decide(
            ticket: ticket, context: context, trust: host.trust, roles: host.roles,
            limits: HostLimits(maxDuration: host.configuration.maxDuration))
        {
        case .success(let granted): grant = granted
        case .failure(let refusal): throw Denial(refusal.code, refusal.reason)
        }
        try checkRevocation(claims, account: context.account, role: grant.role.name, now: now)
        let uid = EphemeralAccount.uid(ofName: Array(claims.account.utf8).span)
        let refusal: StoreError?
        do {
            refusal = try store.wouldRefuse(
                TicketFacts(claims, role: grant.role.name), uid: uid, now: now, tolerance: host.configuration.skew,
                quarantine: host.configuration.uidQuarantine)
        } catch {
            throw Denial(error, claims: claims)
        }
        if let refusal { throw Denial(refusal, claims: claims) }
        if let uid,
            let refusal = quarantineRefusal(
                claims, TicketFacts(claims, role: grant.role.name), uid: uid, host, now: now)
        {
            throw refusal
        }
    }
}
