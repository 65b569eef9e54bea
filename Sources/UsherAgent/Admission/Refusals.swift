internal import Logging
internal import UsherEvidence
internal import UsherPolicy
internal import UsherStore
internal import UsherSystem
internal import UsherTicket
internal import UsherWire

/// Turns a denial into the reference that the operator is told, and the reason into a journal entry and a row.
struct Refusals: Sendable {
    let store: Store
    let evidence: any EvidenceSink
    let logger: Logger

    /// The answer to the PAM module.
    func refuse(_ denial: Denial, _ login: Login, phase: String) -> VarlinkReply {
        .failure("io.usher.Agent.Refused", ["reference": .text(note(denial, login, phase: phase))])
    }

    private func note(_ denial: Denial, _ login: Login, phase: String) -> String {
        // The kernel's generator does not fail once the host is up; without it the refusal stands all the same.
        let random = (try? Randomness.bytes(4)) ?? [0, 0, 0, 0]
        let text = String(decoding: Base32.encode(random, characters: 6, alphabet: Base32.reference), as: UTF8.self)
        let reference = "\(text.prefix(4))-\(text.suffix(2))"
        let claims = denial.claims
        let record = RefusalRecord(
            reference: reference, at: SystemClock.realtimeSeconds(), code: denial.code.rawValue,
            reason: denial.reason, account: login.user, service: login.service, remoteHost: login.remoteHost,
            issuer: claims?.issuer, ticketID: claims?.ticketID, subject: claims?.subject)
        var metadata: Logger.Metadata = [
            "reference": "\(reference)", "code": "\(record.code)", "reason": "\(record.reason)",
            "phase": "\(phase)", "account": "\(record.account)", "service": "\(record.service)",
        ]
        for (name, value) in [
            ("remote_host", record.remoteHost), ("issuer", record.issuer), ("ticket", record.ticketID),
            ("subject", record.subject),
        ] {
            if let value { metadata[name] = "\(value)" }
        }
        logger.notice("login refused", metadata: metadata)
        evidence.note(.refused(record, phase: phase))
        let logger = logger
        store.keep(record) { failure in
            if let failure {
                logger.error(
                    "refusal not kept for `usher why`",
                    metadata: ["reference": "\(reference)", "reason": "\(failure)"])
            }
        }
        return reference
    }
}
