/// The closed list of reasons for which bytes are not a ticket, or claims cannot become one.
public enum TicketErrorCode: String, CaseIterable, Sendable {
    case empty, tooLong, malformed, badEncoding, badJSON, duplicateName
    case missingHeader, unknownHeader, invalidHeader, algorithmNotAllowed, wrongType, criticalHeader
    case missingClaim, unknownClaim, invalidClaim, invalidTimes, lifetimeTooLong, claimNotAllowed, keyMismatch
}

/// Why bytes are not a ticket, or not a revocation list. `detail` names what and where and never holds a part of them.
public struct TicketError: Error, Equatable, Sendable, CustomStringConvertible {
    public var code: TicketErrorCode
    public var detail: String

    public init(code: TicketErrorCode, detail: String) {
        self.code = code
        self.detail = detail
    }

    public var description: String { "\(code.rawValue): \(detail)" }
}
