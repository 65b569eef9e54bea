import Testing
import UsherStore

@Suite struct SessionLookupTests {
    @Test func closedSessionsAreFoundByTheKernelsNumberTheirUIDAndTheirTime() async throws {
        try await withStore { store, _ in
            let early = admission(1, at: 1_000_000)
            let late = admission(2, uid: early.uid, at: 2_000_000)
            for (number, admitted) in [(1, early), (2, late)] {
                try await store.admit(admitted, now: admitted.admittedAt, tolerance: 30, quarantine: 100)
                var opened = session(number, admitted)
                opened.auditSession = UInt32(number)
                try await store.open(opened)
                let end = admitted.admittedAt + 60
                try await store.beginClosing(id: opened.id, reason: "closed", by: "leader", at: end)
                try await store.close(receipt(opened.id, at: end))
            }
            #expect(try store.session(bootID: "boot", auditSession: 2)?.id == "s-2")
            #expect(try store.session(bootID: "another", auditSession: 2) == nil)
            #expect(try store.session(ephemeralUID: early.uid, openedBy: 1_999_999)?.id == "s-1")
            #expect(try store.session(ephemeralUID: early.uid, openedBy: 2_000_000)?.id == "s-2")
            #expect(try store.session(ephemeralUID: early.uid, openedBy: 999_999) == nil)
            #expect(try store.sessions(closedAfter: 1_000_030, openedBy: 1_500_000, limit: 9).map(\.id) == ["s-1"])
            #expect(try store.sessions(closedAfter: 1_000_061, openedBy: 1_500_000, limit: 9).isEmpty)
        }
    }

    @Test func sessionsOfAnExistingAccountAreThoseThatHadNotEnded() async throws {
        try await withStore { store, _ in
            var admitted = admission(1, uid: 0)
            admitted.kind = .existing
            try await store.admit(admitted, now: admitted.admittedAt, tolerance: 30, quarantine: 100)
            try await store.open(session(1, admitted))
            #expect(
                try store.sessions(existingUID: 0, endedAfter: 5_000_000, openedBy: 5_000_000, limit: 4).count == 1)
            #expect(try store.sessions(existingUID: 0, endedAfter: 0, openedBy: 999_999, limit: 4).isEmpty)
            #expect(try store.sessions(existingUID: 1, endedAfter: 0, openedBy: 5_000_000, limit: 4).isEmpty)
        }
    }
}
