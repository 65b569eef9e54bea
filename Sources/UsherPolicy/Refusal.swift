public import UsherTicket

/// The closed list of reasons for which a login is refused: what this module decides, and what the agent
/// adds from the state of the host.
public enum RefusalCode: String, CaseIterable, Sendable {
    // The ticket's form.
    case emptyTicket, oversizeTicket, unreadableTicket, malformed
    // Its signature and its broker.
    case unknownKey, badSignature, revokedKey, wrongIssuer
    // What it is for.
    case wrongAudience, notYetValid, expired, useNotAllowed
    case useNotEnforceable, commandNotEnforceable, targetNotEnforceable
    case wrongAccount, wrongService, wrongSource, keyMismatch
    // What the trust entry and the role allow.
    case unknownRole, roleNotAllowedByTrust, accountNotAllowedByTrust
    case accountNotAllowedByRole, serviceNotAllowedByRole
    case approvalRequired, changeRequired, sourceRequired, keyRequired
    // The state of the host.
    case replayed, noAdmission, uidBusy, sessionsFull, homesBudget
    case auditUnavailable, evidenceUnavailable, databaseUnavailable, clockBehind, revoked, revocationListMissing
    case internalError = "internal"
}

/// Why a login is refused. The reason is one line of printable ASCII, for the journal and `usher why`.
public struct Refusal: Error, Equatable, Sendable, CustomStringConvertible {
    public var code: RefusalCode
    public var reason: String

    public init(code: RefusalCode, reason: String) {
        self.code = code
        self.reason = reason
    }

    /// Bytes that are no ticket.
    public init(_ error: TicketError) {
        switch error.code {
        case .empty: self.init(code: .emptyTicket, reason: error.detail)
        case .tooLong: self.init(code: .oversizeTicket, reason: error.detail)
        default: self.init(code: .malformed, reason: error.description)
        }
    }

    public var description: String { "\(code.rawValue): \(reason)" }
}
