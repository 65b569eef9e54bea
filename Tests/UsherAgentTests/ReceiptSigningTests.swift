import Testing
import UsherEvidence
import UsherStore
import UsherTicket

@testable import UsherAgent

@Suite struct ReceiptSigningTests {
    /// A closed session whose teardown left one process and two files.
    private static func report() -> TeardownReport {
        let admission = Admission(
            handle: "h", state: .used, bootID: "boot", login: ProcessKey(pid: 1, startTime: 1),
            account: "u-aaaaaaaaaa", kind: .ephemeral, uid: 1_900_000_001, service: "sshd", terminal: nil,
            remoteHost: nil,
            ticket: TicketFacts(
                issuer: "broker", keyID: "key", ticketID: "ticket", expiresAt: 300, subject: "human:alice", actor: nil,
                owner: nil, role: "dba", approval: nil, change: "CHG-1"),
            maxDuration: 3600, idleLimit: nil, shell: "/bin/bash", groups: [], admittedAt: 1, admittedBoot: 5)
        var session = Session(
            id: "s-abcdefghij234567", state: .closing, admission: admission, leader: admission.login, auditSession: 42,
            loginUID: admission.uid, openedAt: 1, openedBoot: 6, endsAt: 3601, endsBoot: 7)
        session.endedAt = 8
        return TeardownReport(
            session: session, cause: .deadline,
            steps: [
                TeardownStep(name: .processes, left: [Finding(kind: "process", what: "1")]),
                TeardownStep(name: .files, left: [Finding(kind: "file", what: "/tmp/x", count: 2)]),
            ])
    }

    @Test func aReceiptTellsTheSessionAndItsCauseAndVerifies() throws {
        let key = try PrivateKey(seed: [UInt8](repeating: 7, count: 32))
        let receipts = Receipts(hostID: "h-abcdefghij234567", key: key)
        let row = try receipts.receipt(for: Self.report(), at: 9)
        let receipt = try VerifiedReceipt(Array(row.text.utf8), key: key.publicKey).receipt
        #expect((row.session, row.number, row.at, row.leftCount) == ("s-abcdefghij234567", 0, 9, 3))
        #expect((receipt.host, receipt.reason, receipt.by) == ("h-abcdefghij234567", "deadline", "agent"))
        #expect((receipt.openedAt, receipt.endedAt, receipt.closedAt) == (1, 8, 9))
        #expect(receipt.session.change == "CHG-1" && receipt.session.uid == 1_900_000_001)
    }

    @Test func filesThatAScanFindsGoneAreNotLeftAnyMoreAndOtherThingsAre() throws {
        let key = try PrivateKey(seed: [UInt8](repeating: 7, count: 32))
        let receipts = Receipts(hostID: "h-abcdefghij234567", key: key)
        var records = [try receipts.receipt(for: Self.report(), at: 9)]
        for (event, remaining, left) in [(ReceiptSupplement.Event.found, 5, 6), (.gone, 0, 1)] {
            let supplement = try receipts.supplement(
                to: records, uid: 1_900_000_001, event, FindingList(), remaining: remaining, by: "agent", reason: nil,
                at: 10)
            let row = try #require(supplement)
            #expect(row.leftCount == Int64(left) && row.number == Int64(records.count))
            records.append(row)
        }
        let file = Array(records.map(\.text).joined(separator: "\n").utf8)
        let verified = try VerifiedReceipt(file, key: key.publicKey)
        #expect(verified.leftCount == 1 && verified.supplements.map(\.event) == [.found, .gone])
        let none = try receipts.supplement(
            to: [], uid: 1_900_000_001, .gone, FindingList(), remaining: 0, by: "agent", reason: nil, at: 10)
        #expect(none == nil)
    }
}
