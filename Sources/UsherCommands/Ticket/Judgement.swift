internal import UsherAgent
internal import UsherClient
internal import UsherConfig
internal import UsherPolicy
internal import UsherTicket

/// A login that nobody has tried yet: what was given, or what the ticket itself asks for.
struct ImaginedLogin {
    let account: String
    let service: String
    let remoteHost: String?
    let key: KeyFingerprint?

    init(_ claims: Claims, account: String?, service: String?, from: String?) {
        self.account = account ?? claims.account
        self.service = service ?? claims.effectiveServices.first ?? "sshd"
        // The first address of a network is one of those that it allows.
        remoteHost = from ?? claims.source.map { String($0.description.prefix { $0 != "/" }) }
        key = claims.key
    }
}

/// Whether this host would admit a ticket, and who says so.
struct Judgement {
    enum Judge: String {
        /// The session agent: knows all that a login would meet.
        case agent
        /// The files of the host: knows neither burned tickets nor the state of the host.
        case files
        /// The form of the ticket alone: no host would take it.
        case form
    }

    let by: Judge
    let verdict: ControlVerdict

    init(by: Judge, verdict: ControlVerdict) {
        self.by = by
        self.verdict = verdict
    }

    init(malformed error: TicketError) {
        let refusal = Refusal(error)
        self.init(by: .form, verdict: .refused(code: refusal.code.rawValue, reason: refusal.reason))
    }

    /// By the files alone; throws when they cannot be read or are wrong.
    init(files report: HostFilesReport, _ ticket: SignedTicket, _ login: ImaginedLogin, now: Int64) throws {
        let files: HostFiles
        do {
            files = try HostFiles(report)
        } catch {
            let first = error.diagnostics.first?.description ?? "it cannot be read"
            throw Failure("the host's configuration cannot be used: \(first)")
        }
        let decision = Policy.decide(
            ticket: ticket,
            context: LoginContext(
                hostID: files.hostID, account: login.account, service: login.service, remoteHost: login.remoteHost,
                assumedKey: login.key, now: now, skew: files.configuration.skew),
            trust: files.trust, roles: files.roles, limits: HostLimits(maxDuration: files.configuration.maxDuration))
        switch decision {
        case .success: self.init(by: .files, verdict: .admissible)
        case .failure(let refusal):
            self.init(by: .files, verdict: .refused(code: refusal.code.rawValue, reason: refusal.reason))
        }
    }
}
