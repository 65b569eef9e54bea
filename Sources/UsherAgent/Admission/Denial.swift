internal import UsherPolicy
internal import UsherStore
internal import UsherSystem
internal import UsherTicket

/// A login that is refused, with all that an administrator may know of it.
struct Denial: Error, Sendable {
    var code: RefusalCode
    var reason: String
    /// Only of a ticket whose signature was verified: what a forger wrote is no fact.
    var claims: Claims?

    init(_ code: RefusalCode, _ reason: String, claims: Claims? = nil) {
        self.code = code
        self.reason = reason
        self.claims = claims
    }

    init(whatever error: any Error) {
        switch error {
        case let denial as Denial: self = denial
        case let error as SystemError: self.init(error)
        case let error as StoreError: self.init(error, claims: nil)
        default: self.init(.internalError, "\(error)")
        }
    }

    init(_ error: SystemError) {
        self.init(.internalError, "\(error)")
    }

    init(_ error: StoreError, claims: Claims?) {
        switch error {
        case .replayed: self.init(.replayed, "the ticket was used before", claims: claims)
        case .clockBehind(let seconds):
            self.init(.clockBehind, "the clock is \(seconds) s behind the latest time seen", claims: claims)
        case .uidBusy:
            self.init(.uidBusy, "the account's uid is in use, or was within the quarantine", claims: claims)
        case .revoked(let revocation): self.init(.revoked, revocation.summary, claims: claims)
        case .conflict(let what): self.init(.noAdmission, what, claims: claims)
        case .unavailable(let what): self.init(.databaseUnavailable, what, claims: claims)
        }
    }
}
