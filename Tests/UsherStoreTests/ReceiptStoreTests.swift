import Testing
import UsherStore

/// Takes the numbered session through its life.
private func close(_ number: Int, _ store: Store, left: Int64 = 0) async throws {
    let row = admission(number)
    try await store.admit(row, now: 1_000_000, tolerance: 30, quarantine: 0)
    try await store.open(session(number, row))
    try await store.beginClosing(id: "s-\(number)", reason: "closed", by: "leader", at: 1_000_001)
    try await store.close(receipt("s-\(number)", at: 1_000_002, left: left))
}

@Suite struct ReceiptStoreTests {
    @Test func aSessionHasOneRecordOfEachNumberAndTellsWhatTheLastOneLeft() async throws {
        try await withStore { store, path in
            try await close(1, store, left: 2)
            #expect(try store.session(id: "s-1")?.leftCount == 2)
            let row = ResidueRow(
                uid: 1_879_048_193, session: "s-1", account: "u-aaaaaaaaaa", found: 3, findings: "[]", foundAt: 5,
                seenAt: 5)
            let supplement = receipt("s-1", number: 1, at: 5, left: 3)
            try await store.save(row, supplement: supplement)
            #expect(try store.session(id: "s-1")?.leftCount == 3)
            await #expect(throws: StoreError.conflict("the session has such a record already")) {
                try await store.save(row, supplement: supplement)
            }
            try store.close()
            let again = try Store(path: path)
            #expect(try again.receipts(session: "s-1").map(\.number) == [0, 1])
            #expect(try again.sessions(limit: 5).map(\.leftCount) == [3])
        }
    }

    @Test func aClosedSessionsUIDIsUnscannedUntilAScanIsThroughAlsoAfterARestart() async throws {
        try await withStore { store, path in
            try await close(1, store)
            try await close(2, store)
            try store.close()
            let again = try Store(path: path)
            #expect(try again.unscannedUIDs() == [1_879_048_193, 1_879_048_194])
            try await again.forgetUnscanned([1_879_048_193])
            #expect(try again.unscannedUIDs() == [1_879_048_194])
        }
    }

    @Test func residueOfAUIDIsOneRowUntilItIsSettled() async throws {
        try await withStore { store, _ in
            try await close(1, store)
            #expect(try store.lastSession(uid: 1_879_048_193)?.id == "s-1")
            var row = ResidueRow(
                uid: 1_879_048_193, session: "s-1", account: "u-aaaaaaaaaa", found: 1, findings: "[]", foundAt: 5,
                seenAt: 5)
            try await store.save(row, supplement: nil)
            (row.found, row.seenAt) = (4, 9)
            try await store.save(row, supplement: nil)
            #expect(try store.openResidue() == [row])
            row.settlement = ResidueRow.Settlement(how: "adopted", at: 11, by: "uid 0", reason: "ours")
            try await store.save(row, supplement: nil)
            #expect(try store.openResidue().isEmpty)
            #expect(try store.residue(limit: 5) == [row])
            let second = ResidueRow(
                uid: 1_879_048_193, session: nil, account: nil, found: 2, findings: "[]", foundAt: 20, seenAt: 20)
            try await store.save(second, supplement: nil)
            #expect(try store.openResidue() == [second])
            #expect(try store.residue(limit: 5) == [row, second])
        }
    }
}
