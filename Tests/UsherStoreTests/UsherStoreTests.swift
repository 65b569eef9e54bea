import Foundation
import Testing
import UsherStore

/// A database file of its own, removed afterwards.
func withStore(_ body: (Store, String) async throws -> Void) async throws {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("usher-store-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    let path = directory.appendingPathComponent("usher.sqlite").path
    try await body(try Store(path: path), path)
}

func admission(
    _ number: Int, ticket: String? = nil, uid: UInt32? = nil, at: Int64 = 1_000_000, state: AdmissionState = .waiting
) -> Admission {
    Admission(
        handle: "handle\(number)", state: state, bootID: "boot", login: ProcessKey(pid: 100, startTime: .max),
        account: "u-aaaaaaaaaa", kind: .ephemeral, uid: uid ?? 1_879_048_192 + UInt32(number), service: "sshd",
        terminal: nil, remoteHost: "127.0.0.1",
        ticket: TicketFacts(
            issuer: "broker", keyID: "key", ticketID: ticket ?? "ticket\(number)", expiresAt: at + 300,
            subject: "human:alice", actor: nil, owner: nil, role: "operator", approval: "A-1", change: nil),
        maxDuration: 3600, idleLimit: nil, shell: "/bin/bash", groups: ["usher-dba", "users"], admittedAt: at,
        admittedBoot: 5)
}

func session(_ number: Int, _ admission: Admission) -> Session {
    Session(
        id: "s-\(number)", state: .opening, admission: admission, leader: admission.login, auditSession: 42,
        loginUID: admission.uid, openedAt: admission.admittedAt, openedBoot: 6, endsAt: admission.admittedAt + 3600,
        endsBoot: 3_600_000_000_006)
}

func receipt(_ session: String, number: Int64 = 0, at: Int64, left: Int64 = 0) -> ReceiptRow {
    ReceiptRow(session: session, number: number, at: at, text: "signed \(number)", leftCount: left)
}

@Suite struct LedgerTests {
    @Test func aTicketIsBurnedOnceAlsoAfterTheDatabaseWasOpenedAgain() async throws {
        try await withStore { store, path in
            try await store.admit(admission(1), now: 1_000_000, tolerance: 30, quarantine: 100)
            await #expect(throws: StoreError.replayed) {
                try await store.admit(
                    admission(2, ticket: "ticket1"), now: 1_000_000, tolerance: 30, quarantine: 100)
            }
            try store.close()
            let again = try Store(path: path)
            await #expect(throws: StoreError.replayed) {
                try await again.admit(
                    admission(2, ticket: "ticket1"), now: 1_000_000, tolerance: 30, quarantine: 100)
            }
            #expect(try again.waitingAdmissions() == [admission(1)])
        }
    }

    @Test func ofManyAtOnceExactlyOneWinsAndTheOthersLoseNothing() async throws {
        try await withStore { store, _ in
            let admitted = await withTaskGroup(of: Bool.self) { group in
                for number in 0..<64 {
                    group.addTask {
                        do {
                            try await store.admit(
                                admission(number, ticket: "ticket\(number % 4)"), now: 1_000_000, tolerance: 30,
                                quarantine: 100)
                            return true
                        } catch { return false }
                    }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(admitted == 4)
            let waiting = try store.waitingAdmissions()
            #expect(waiting.count == 4)
        }
    }

    @Test func aClockBehindTheMarkIsRefusedAndTheTicketStaysFresh() async throws {
        try await withStore { store, _ in
            try await store.admit(admission(1), now: 1_000_000, tolerance: 30, quarantine: 100)
            await #expect(throws: StoreError.clockBehind(seconds: 31)) {
                try await store.admit(admission(2), now: 999_969, tolerance: 30, quarantine: 100)
            }
            try await store.admit(admission(2), now: 999_970, tolerance: 30, quarantine: 100)
        }
    }

    @Test func pruningForgetsOnlyWhatTheClockHasLeftBehind() async throws {
        try await withStore { store, _ in
            try await store.admit(admission(1), now: 1_000_000, tolerance: 30, quarantine: 0)
            try await store.pruneTickets(expiredBefore: 2_000_000)
            await #expect(throws: StoreError.replayed) {
                try await store.admit(
                    admission(2, ticket: "ticket1"), now: 1_000_001, tolerance: 30, quarantine: 0)
            }
            try await store.admit(admission(3, at: 2_000_000), now: 2_000_000, tolerance: 30, quarantine: 0)
            try await store.pruneTickets(expiredBefore: 2_000_000)
            let facts = admission(1).ticket
            #expect(
                try store.wouldRefuse(facts, uid: nil, now: 2_000_000, tolerance: 30, quarantine: 0) == nil)
        }
    }

    @Test func aUidIsNotGivenAgainWithinTheQuarantineUnlessItsAdmissionLapsed() async throws {
        try await withStore { store, _ in
            try await store.admit(admission(1, uid: 1_879_048_200), now: 1_000_000, tolerance: 30, quarantine: 100)
            await #expect(throws: StoreError.uidBusy) {
                try await store.admit(
                    admission(2, uid: 1_879_048_200), now: 1_000_050, tolerance: 30, quarantine: 100)
            }
            #expect(try await store.lapse(handle: "handle1"))
            #expect(try await store.lapse(handle: "handle1") == false)
            try await store.admit(admission(2, uid: 1_879_048_200), now: 1_000_050, tolerance: 30, quarantine: 100)
        }
    }
}

@Suite struct SessionRowTests {
    @Test func aSessionGoesThroughItsStatesInOrderAndInNoOther() async throws {
        try await withStore { store, _ in
            let row = admission(1)
            try await store.admit(row, now: 1_000_000, tolerance: 30, quarantine: 100)
            try await store.open(session(1, row))
            await #expect(throws: StoreError.conflict("the admission does not wait any more")) {
                try await store.open(session(2, row))
            }
            await #expect(throws: StoreError.conflict("the session is not in that state")) {
                try await store.close(receipt("s-1", at: 1))
            }
            await withCheckedContinuation { continuation in
                store.confirmOpen(id: "s-1") { failure in
                    #expect(failure == nil)
                    continuation.resume()
                }
            }
            #expect(try store.liveSessions().map(\.state) == [.open])
            try await store.beginClosing(id: "s-1", reason: "ended", by: "root", at: 1_000_050)
            await #expect(throws: StoreError.conflict("the session is not in that state")) {
                try await store.beginClosing(id: "s-1", reason: "again", by: "root", at: 1_000_050)
            }
            #expect(try store.receipts(session: "s-1").isEmpty)
            try await store.close(receipt("s-1", at: 1_000_100, left: 3))
            #expect(try store.receipts(session: "s-1") == [receipt("s-1", at: 1_000_100, left: 3)])
            #expect(try store.liveSessions().isEmpty)
            var expected = session(1, row)
            expected.state = .closed
            expected.admission.state = .used
            (expected.endReason, expected.endedBy, expected.closedAt) = ("ended", "root", 1_000_100)
            (expected.endedAt, expected.leftCount) = (1_000_050, 3)
            #expect(try store.session(id: "s-1") == expected)
            #expect(try store.sessions(limit: 10) == [expected])
        }
    }

    @Test func anExtensionMovesTheEndOfALiveSessionAndSaysWho() async throws {
        try await withStore { store, _ in
            var row = admission(1)
            row.idleCounts = .io
            try await store.admit(row, now: 1_000_000, tolerance: 30, quarantine: 100)
            let before = session(1, row)
            try await store.open(before)
            let first = SessionExtension(
                at: 5, by: "uid 0 (pid 9)", reason: "CHG-1 takes longer", seconds: 60, endsAt: before.endsAt + 60)
            let end = before.endsBoot + 60_000_000_000
            try await store.extend(id: "s-1", from: before.endsBoot, to: end, first)
            // Two administrators at once: the second judged by an end that does not stand any more.
            let conflict = StoreError.conflict("the session is not open, or its end was moved meanwhile")
            await #expect(throws: conflict) {
                try await store.extend(id: "s-1", from: before.endsBoot, to: end + 1, first)
            }
            var expected = before
            expected.admission.state = .used
            (expected.endsBoot, expected.endsAt) = (end, first.endsAt)
            #expect(try store.session(id: "s-1") == expected)
            #expect(try store.extensions(of: "s-1") == [first])
            try await store.beginClosing(id: "s-1", reason: "deadline", by: "agent", at: 7)
            await #expect(throws: conflict) { try await store.extend(id: "s-1", from: end, to: end + 1, first) }
            #expect(try store.extensions(of: "s-1") == [first])
            #expect(try store.extensions(of: "s-2").isEmpty)
        }
    }

    @Test func aRefusalIsFoundByItsReference() async throws {
        try await withStore { store, _ in
            let refusal = RefusalRecord(
                reference: "7F3K-Q2", at: 7, code: "expired", reason: "expired 5 s ago", account: "u-aaaaaaaaaa",
                service: "sshd", remoteHost: "::1", issuer: "broker", ticketID: "t", subject: "human:alice")
            store.keep(refusal) { failure in #expect(failure == nil) }
            let (found, other) = (
                try await store.refusal(reference: "7F3K-Q2"), try await store.refusal(reference: "7F3K-Q3")
            )
            #expect(found == refusal)
            #expect(other == nil)
        }
    }

    @Test func whatNobodyWaitsForIsOnTheDiskWhenTheStoreIsClosed() async throws {
        try await withStore { store, path in
            for number in 0..<5 {
                store.keep(
                    RefusalRecord(
                        reference: "AAAA-A\(number)", at: 7, code: "expired", reason: "", account: "", service: "sshd"),
                    completion: { _ in })
            }
            try store.close()
            let again = try Store(path: path)
            for number in 0..<5 {
                let found = try await again.refusal(reference: "AAAA-A\(number)")
                #expect(found != nil)
            }
        }
    }

    @Test func aDatabaseThatCannotBeOpenedSaysWhy() throws {
        #expect(throws: StoreError.self) { try Store(path: "/proc/usher.sqlite") }
    }
}
