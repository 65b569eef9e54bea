public import UsherTicket

/// The closed list of reasons for which a host does not take a revocation list.
public enum ListRefusalCode: String, CaseIterable, Sendable {
    case unknownKey, badSignature, ticketKey, revokedKey, wrongIssuer
    case notYetValid, expired
    case rolledBack, otherContent, stepTooLarge, issuedEarlier
}

/// Why a host does not take a list; one line of printable ASCII.
public struct ListRefusal: Error, Equatable, Sendable, CustomStringConvertible {
    public var code: ListRefusalCode
    public var reason: String

    public init(code: ListRefusalCode, reason: String) {
        self.code = code
        self.reason = reason
    }

    public var description: String { "\(code.rawValue): \(reason)" }
}

/// The decision about a revocation list, from facts alone.
public enum RevocationListRules {
    /// Who signed it, and whether that key signs lists. Nothing else of the list is believed before this.
    public static func verify(
        _ list: SignedRevocationList, trust: [TrustEntry]
    ) throws(ListRefusal) -> RevocationList {
        let claims = list.unverified
        guard let entry = trust.first(where: { $0.key.keyID == claims.keyID }) else {
            throw ListRefusal(code: .unknownKey, reason: "no trust entry has key \(claims.keyID)")
        }
        guard list.verify(with: entry.key) else {
            throw ListRefusal(code: .badSignature, reason: "not signed by key \(claims.keyID) of \(entry.name)")
        }
        guard entry.signs == .revocations else {
            throw ListRefusal(code: .ticketKey, reason: "\(entry.name) may sign tickets and no revocation lists")
        }
        if let reason = entry.revoked {
            throw ListRefusal(code: .revokedKey, reason: "\(entry.name) is revoked: \(Text.safe(reason))")
        }
        guard claims.issuer == entry.issuer else {
            throw ListRefusal(
                code: .wrongIssuer, reason: "iss \(claims.issuer) is not \(Text.safe(entry.issuer)) of \(entry.name)")
        }
        return claims
    }

    /// Whether a verified list is good at this time.
    ///
    /// - Parameters:
    ///   - now: seconds since 1970-01-01 UTC.
    ///   - skew: seconds of clock difference tolerated on both sides.
    public static func checkTime(_ list: RevocationList, now: Int64, skew: Int64) throws(ListRefusal) {
        guard now >= list.issuedAt - skew else {
            throw ListRefusal(code: .notYetValid, reason: "issued at \(list.issuedAt), it is \(now)")
        }
        guard now < list.expiresAt + skew else {
            throw ListRefusal(code: .expired, reason: "good until \(list.expiresAt), it is \(now)")
        }
    }

    /// Whether a list may follow the one that the host took last.
    public static func checkOrder(
        _ list: SignedRevocationList, after last: SignedRevocationList?
    ) throws(ListRefusal) {
        let number = list.unverified.number
        guard let last else {
            guard number <= RevocationList.largestFirstNumber else {
                let largest = RevocationList.largestFirstNumber
                throw ListRefusal(
                    code: .stepTooLarge, reason: "number \(number) is more than \(largest), and this host has seen none"
                )
            }
            return
        }
        let before = last.unverified
        guard number >= before.number else {
            throw ListRefusal(code: .rolledBack, reason: "number \(number), this host has taken \(before.number)")
        }
        guard number > before.number else {
            guard list.isSame(as: last) else {
                throw ListRefusal(code: .otherContent, reason: "another list of number \(number) was taken before")
            }
            return
        }
        guard number - before.number <= RevocationList.longestStep else {
            let step = RevocationList.longestStep
            throw ListRefusal(
                code: .stepTooLarge, reason: "number \(number) is more than \(step) above \(before.number)")
        }
        guard list.unverified.issuedAt >= before.issuedAt else {
            throw ListRefusal(code: .issuedEarlier, reason: "issued before number \(before.number), which was taken")
        }
    }
}
