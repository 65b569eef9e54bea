import Testing
import UsherStore

private func revocation(
    _ kind: Revocation.Kind, _ value: String = "", issuer: String = "", id: String = "r-1", expiresAt: Int64? = nil,
    source: Revocation.Source = .command
) -> Revocation {
    Revocation(
        id: id, kind: kind, value: value, issuer: issuer, reason: "stolen", by: "uid 0 (pid 1)", at: 5,
        expiresAt: expiresAt, source: source)
}

private let lifting = Revocation.Lifting(at: 9, by: "uid 0 (pid 2)", reason: "found")

@Suite struct RevocationStoreTests {
    static let matching: [Revocation] = [
        revocation(.all), revocation(.key, "key"), revocation(.role, "operator"), revocation(.account, "u-aaaaaaaaaa"),
        revocation(.subject, "human:alice"), revocation(.ticket, "ticket1", issuer: "broker"),
    ]

    @Test(arguments: matching) func whatIsRevokedIsNeitherAdmittedNorOpened(_ revocation: Revocation) async throws {
        try await withStore { store, _ in
            try await store.admit(admission(1), now: 1_000_000, tolerance: 30, quarantine: 0)
            let standing = try await store.revoke(revocation)
            #expect(standing == nil)
            await #expect(throws: StoreError.revoked(revocation)) {
                try await store.admit(
                    admission(2, ticket: "ticket1"), now: 1_000_000, tolerance: 30, quarantine: 0)
            }
            // It was admitted before: the revocation that came between wins.
            await #expect(throws: StoreError.revoked(revocation)) { try await store.open(session(1, admission(1))) }
            let waiting = try store.waitingAdmissions()
            #expect(waiting == [admission(1)], "the refusal changed the admission")
            let lifted = try await store.liftRevocation(id: "r-1", lifting)
            #expect(lifted?.lifted == lifting)
            try await store.open(session(1, admission(1)))
        }
    }

    @Test func whatIsNotMeantPasses() async throws {
        try await withStore { store, _ in
            for (index, other) in [
                revocation(.key, "other", id: "r-1"), revocation(.role, "key", id: "r-2"),
                revocation(.account, "operator", id: "r-3"), revocation(.subject, "human:alic", id: "r-4"),
                revocation(.ticket, "ticket1", issuer: "another", id: "r-5"),
                revocation(.ticket, "ticket2", issuer: "broker", id: "r-6"),
            ].enumerated() {
                let standing = try await store.revoke(other)
                #expect(standing == nil, "\(index)")
            }
            try await store.admit(admission(1), now: 1_000_000, tolerance: 30, quarantine: 0)
            try await store.open(session(1, admission(1)))
        }
    }

    @Test func aSubjectIsRevokedAlsoAsWhoActsAndAsWhoAnswers() async throws {
        try await withStore { store, _ in
            var facts = admission(1).ticket
            (facts.subject, facts.actor, facts.owner) = ("agent:a", "agent:b", "human:c")
            for subject in ["agent:a", "agent:b", "human:c"] {
                _ = try await store.revoke(revocation(.subject, subject, id: subject))
                #expect(store.revocations.match(facts, account: "x")?.value == subject)
                _ = try await store.liftRevocation(id: subject, lifting)
                #expect(store.revocations.match(facts, account: "x") == nil)
            }
        }
    }

    @Test func itStandsAfterTheDatabaseWasOpenedAgainAndLiftedOnesDoNot() async throws {
        try await withStore { store, path in
            _ = try await store.revoke(revocation(.role, "operator", id: "r-1"))
            _ = try await store.revoke(revocation(.role, "dba", id: "r-2"))
            _ = try await store.liftRevocation(id: "r-2", lifting)
            try store.close()
            let again = try Store(path: path)
            #expect(again.revocations.all() == [revocation(.role, "operator", id: "r-1")])
            let lifted = try again.liftedRevocations(limit: 10)
            #expect(lifted.map(\.id) == ["r-2"] && lifted[0].lifted == lifting)
            await #expect(throws: StoreError.revoked(revocation(.role, "operator", id: "r-1"))) {
                try await again.admit(admission(1), now: 1_000_000, tolerance: 30, quarantine: 0)
            }
        }
    }

    @Test func theSameTwiceIsOneAndIsLiftedOnce() async throws {
        try await withStore { store, _ in
            let first = try await store.revoke(revocation(.key, "key", id: "r-1"))
            let second = try await store.revoke(revocation(.key, "key", id: "r-2"))
            #expect(first == nil && second?.id == "r-1")
            let other = try await store.liftRevocation(id: "r-2", lifting)
            let lifted = try await store.liftRevocation(id: "r-1", lifting)
            let twice = try await store.liftRevocation(id: "r-1", lifting)
            #expect(other == nil && lifted != nil && twice == nil)
            let again = try await store.revoke(revocation(.key, "key", id: "r-3"))
            #expect(again == nil)
        }
    }

    @Test func manyAtOnceLeaveNoAdmissionThatNobodyFinds() async throws {
        try await withStore { store, _ in
            let admitted = await withTaskGroup(of: Bool.self) { group in
                for number in 0..<64 {
                    group.addTask {
                        do {
                            try await store.admit(admission(number), now: 1_000_000, tolerance: 30, quarantine: 0)
                            return true
                        } catch { return false }
                    }
                    guard number == 32 else { continue }
                    group.addTask {
                        _ = try? await store.revoke(revocation(.all))
                        return false
                    }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            // Once the revocation is on the disk, what was admitted is there to be found, and nothing follows.
            let waiting = try store.waitingAdmissions().count
            #expect(waiting == admitted)
            await #expect(throws: StoreError.revoked(revocation(.all))) {
                try await store.admit(admission(99), now: 1_000_000, tolerance: 30, quarantine: 0)
            }
        }
    }

    @Test func onlyRevocationsOfTicketsThatExpiredLongAgoAreForgotten() async throws {
        try await withStore { store, path in
            _ = try await store.revoke(revocation(.ticket, "old", issuer: "broker", id: "r-1", expiresAt: 900_000))
            _ = try await store.revoke(revocation(.ticket, "new", issuer: "broker", id: "r-2", expiresAt: 1_000_100))
            _ = try await store.revoke(revocation(.ticket, "unknown", issuer: "broker", id: "r-3"))
            _ = try await store.revoke(revocation(.role, "dba", id: "r-4"))
            // The clock's mark has not reached it yet.
            try await store.pruneRevocations(expiredBefore: 1_000_000)
            #expect(store.revocations.all().count == 4)
            try await store.admit(admission(1), now: 1_000_000, tolerance: 30, quarantine: 0)
            try await store.pruneRevocations(expiredBefore: 1_000_000)
            #expect(store.revocations.all().map(\.id) == ["r-2", "r-3", "r-4"])
            try store.close()
            #expect(try Store(path: path).revocations.all().map(\.id) == ["r-2", "r-3", "r-4"])
        }
    }
}

@Suite struct RevocationListStoreTests {
    private func entry(_ role: String) -> Revocation { revocation(.role, role, id: "", source: .list) }

    @Test func aListReplacesTheOneBeforeAndItsNumberOnlyGrows() async throws {
        try await withStore { store, path in
            let none = try store.takenList()
            #expect(none == nil)
            try await store.takeList(
                text: [1], number: 7, entries: [entry("dba")], now: 1_000_000, tolerance: 30)
            try await store.takeList(
                text: [2], number: 9, entries: [entry("operator")], now: 1_000_000, tolerance: 30)
            for number: Int64 in [9, 8, 7] {
                await #expect(throws: StoreError.self) {
                    try await store.takeList(
                        text: [3], number: number, entries: [], now: 1_000_000, tolerance: 30)
                }
            }
            #expect(store.revocations.all() == [entry("operator")], "a refused list took entries away")
            try store.close()
            let again = try Store(path: path)
            let kept = try again.takenList()
            #expect(kept == [2])
        }
    }

    @Test func aClockBehindTheMarkTakesNoListAndATakenOneMovesTheMark() async throws {
        try await withStore { store, _ in
            try await store.takeList(text: [1], number: 1, entries: [], now: 1_000_000, tolerance: 30)
            let mark = try store.clockMark()
            #expect(mark == 1_000_000)
            await #expect(throws: StoreError.clockBehind(seconds: 31)) {
                try await store.takeList(text: [2], number: 2, entries: [], now: 999_969, tolerance: 30)
            }
            await #expect(throws: StoreError.clockBehind(seconds: 31)) {
                try await store.admit(admission(1), now: 999_969, tolerance: 30, quarantine: 0)
            }
        }
    }

    @Test func commandsAndListsDoNotLiftEachOther() async throws {
        try await withStore { store, _ in
            _ = try await store.revoke(revocation(.role, "dba", id: "r-1"))
            try await store.takeList(text: [1], number: 1, entries: [entry("dba")], now: 5, tolerance: 30)
            _ = try await store.liftRevocation(id: "r-1", lifting)
            #expect(store.revocations.all() == [entry("dba")])
            try await store.takeList(text: [2], number: 2, entries: [], now: 5, tolerance: 30)
            #expect(store.revocations.all().isEmpty)
        }
    }
}
