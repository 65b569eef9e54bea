import Testing
import UsherPolicy
import UsherTicket

@Suite struct RevocationListRulesTests {
    static let now: Int64 = 1_800_000_000

    private func key(_ byte: UInt8) throws -> PrivateKey { try PrivateKey(seed: [UInt8](repeating: byte, count: 32)) }

    private func list(
        number: Int64 = 7, issuedAt: Int64 = now, issuer: String = "soc", role: String = "dba", signer: UInt8 = 3
    ) throws -> SignedRevocationList {
        let signer = try key(signer)
        let text = try RevocationListSigner.sign(
            RevocationList(
                issuer: issuer, keyID: signer.publicKey.keyID, issuedAt: issuedAt, expiresAt: issuedAt + 3600,
                number: number, entries: [try RevocationEntry(kind: .role, value: role, reason: "r")]), with: signer)
        return try RevocationListParser.parse(Array(text.utf8))
    }

    private func trust(revoked: String? = nil) throws -> [TrustEntry] {
        [
            TrustEntry(name: "broker", issuer: "soc", key: try key(4).publicKey, roles: ["dba"]),
            TrustEntry(
                name: "soc", issuer: "soc", key: try key(3).publicKey, signs: .revocations, uses: [], roles: [],
                accounts: [], revoked: revoked),
        ]
    }

    private func code(_ body: () throws -> Void) -> ListRefusalCode? {
        do {
            try body()
            return nil
        } catch {
            return (error as? ListRefusal)?.code
        }
    }

    @Test func onlyAKeyForListsSignsLists() throws {
        let trust = try trust()
        #expect(try RevocationListRules.verify(list(), trust: trust).number == 7)
        #expect(code { _ = try RevocationListRules.verify(list(signer: 4), trust: trust) } == .ticketKey)
        #expect(code { _ = try RevocationListRules.verify(list(signer: 5), trust: trust) } == .unknownKey)
        #expect(code { _ = try RevocationListRules.verify(list(issuer: "other"), trust: trust) } == .wrongIssuer)
        let distrusted = try self.trust(revoked: "stolen")
        #expect(code { _ = try RevocationListRules.verify(list(), trust: distrusted) } == .revokedKey)
    }

    @Test func aForgedListIsToldNothingElse() throws {
        let signer = try key(3)
        let text = try RevocationListSigner.sign(list().unverified, with: signer)
        var bytes = Array(text.utf8)
        bytes[bytes.count - 86] = bytes[bytes.count - 86] == 0x41 ? 0x42 : 0x41
        let forged = try RevocationListParser.parse(bytes)
        let trust = try trust(revoked: "stolen")
        #expect(code { _ = try RevocationListRules.verify(forged, trust: trust) } == .badSignature)
    }

    @Test func itIsGoodFromItsIssueToItsExpiryWithTheSkewOnBothSides() throws {
        let claims = try list().unverified
        func at(_ now: Int64) -> ListRefusalCode? {
            code { try RevocationListRules.checkTime(claims, now: now, skew: 30) }
        }
        #expect(at(Self.now - 31) == .notYetValid && at(Self.now - 30) == nil)
        #expect(at(Self.now + 3629) == nil && at(Self.now + 3630) == .expired)
    }

    @Test func itsNumberOnlyGrowsAndByABoundedStep() throws {
        func after(_ last: Int64?, _ next: Int64, issuedAt: Int64 = Self.now, role: String = "dba") throws
            -> ListRefusalCode?
        {
            let before = try last.map { try list(number: $0) }
            let following = try list(number: next, issuedAt: issuedAt, role: role)
            return code { try RevocationListRules.checkOrder(following, after: before) }
        }
        let step = RevocationList.longestStep
        let (first, tooLargeFirst) = (try after(nil, 4_294_967_295), try after(nil, 4_294_967_296))
        #expect(first == nil && tooLargeFirst == .stepTooLarge)
        let (same, other) = (try after(7, 7), try after(7, 7, role: "ops"))
        #expect(same == nil && other == .otherContent)
        let (back, next) = (try after(7, 6), try after(7, 8))
        #expect(back == .rolledBack && next == nil)
        let (largest, larger) = (try after(7, 7 + step), try after(7, 8 + step))
        #expect(largest == nil && larger == .stepTooLarge)
        let earlier = try after(7, 8, issuedAt: Self.now - 1)
        #expect(earlier == .issuedEarlier)
    }

    @Test func aKeyForListsSignsNoTickets() throws {
        var scene = try Scene()
        scene.trust[0].signs = .revocations
        guard case .failure(let refusal) = try scene.decide() else {
            Issue.record("granted")
            return
        }
        #expect(refusal.code == .useNotAllowed)
    }
}
