import Testing
import UsherStore

@Suite struct TeardownRowTests {
    private func row(_ step: String, attempts: Int64 = 1) -> TeardownStepRow {
        TeardownStepRow(
            step: step, microseconds: 12, attempts: attempts, removed: #"[{"kind":"file"}]"#, left: "[]")
    }

    @Test func stepsOutliveTheAgentAndGoWithTheEndOfTheSession() async throws {
        try await withStore { store, path in
            try await store.admit(admission(1), now: 1_000_000, tolerance: 30, quarantine: 100)
            try await store.open(session(1, admission(1)))
            try await store.beginClosing(id: "s-1", reason: "closed", by: "leader", at: 1_000_009)
            store.keep([row("files"), row("jobs")], session: "s-1") { failure in #expect(failure == nil) }
            store.keep([row("files", attempts: 3)], session: "s-1") { failure in #expect(failure == nil) }
            try store.close()

            let again = try Store(path: path)
            #expect(try again.teardownSteps(session: "s-1") == [row("files", attempts: 3), row("jobs")])
            #expect(try again.teardownSteps(session: "s-2").isEmpty)
            try await again.close(receipt("s-1", at: 1_000_010))
            #expect(try again.teardownSteps(session: "s-1").isEmpty)
        }
    }

    @Test func stepsOfASessionThatDoesNotExistAreRefused() async throws {
        try await withStore { store, _ in
            let failure = await withCheckedContinuation { continuation in
                store.keep([row("files")], session: "s-9") { continuation.resume(returning: $0) }
            }
            #expect(failure != nil)
        }
    }
}
