import Foundation
import Logging
import Testing
import UsherEvidence
import UsherStore

@testable import UsherAgent

private struct Refused: Error {}

@Suite struct TeardownRecordTests {
    private let path = FileManager.default.temporaryDirectory.path + "/usher-record-\(UUID().uuidString).sqlite"
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// A database with one session that is `closing`.
    private func openStore() async throws -> Store {
        let store = try Store(path: path)
        let admission = Admission(
            handle: "handle", state: .waiting, bootID: "boot", login: ProcessKey(pid: 100, startTime: 1),
            account: "u-aaaaaaaaaa", kind: .ephemeral, uid: 1_900_000_001, service: "sshd", terminal: nil,
            remoteHost: nil,
            ticket: TicketFacts(
                issuer: "broker", keyID: "key", ticketID: "ticket", expiresAt: 300, subject: "human:alice", actor: nil,
                owner: nil, role: "dba", approval: nil, change: nil),
            maxDuration: 60, idleLimit: nil, shell: "/bin/sh", groups: [], admittedAt: 1, admittedBoot: 1)
        try await store.admit(admission, now: 1, tolerance: 30, quarantine: 0)
        try await store.open(
            Session(
                id: "s-1", state: .opening, admission: admission, leader: admission.login, auditSession: 1,
                loginUID: admission.uid, openedAt: 1, openedBoot: 1, endsAt: 61, endsBoot: 61))
        try await store.beginClosing(id: "s-1", reason: "closed", by: "leader", at: 2)
        return store
    }

    private func record(_ store: Store, wasInterrupted: Bool = false) -> TeardownRecord {
        TeardownRecord(session: "s-1", store: store, wasInterrupted: wasInterrupted, logger: logger)
    }

    private func file(_ name: String) -> Finding { Finding(kind: "file", what: name) }

    @Test func aStepIsTriedUntilItSucceedsAndKeepsWhatEachAttemptRemoved() async throws {
        let store = try await openStore()
        var record = record(store)
        await record.step(.files) { step in
            step.removed.append(file("\(step.attempts)"))
            step.left.append(file("busy"))
            if step.attempts < 3 { throw Refused() }
        }
        let step = try #require(record.steps.first)
        #expect((step.attempts, step.removed) == (3, [file("1"), file("2"), file("3")]))
        #expect(step.left == [file("busy")])
        #expect(step.microseconds >= 60_000)
        try store.close()
    }

    @Test func whatWasRemovedBeforeACrashIsInTheReportOfTheNextRun() async throws {
        let store = try await openStore()
        var first = record(store)
        await first.step(.jobs) { step in step.removed = [Finding(kind: "cron-job", what: "a \"b\"\n", count: 7)] }
        await first.step(.files) { step in step.left = [file("old")] }
        await first.step(.home) { _ in }
        first.save()
        try store.close()

        let again = try Store(path: path)
        #expect(try again.teardownSteps(session: "s-1").map(\.step) == ["files", "jobs"])
        var second = record(again, wasInterrupted: true)
        await second.step(.jobs) { step in step.removed = [file("new")] }
        await second.step(.files) { _ in }
        #expect(second.steps[0].removed == [Finding(kind: "cron-job", what: "a \"b\"\n", count: 7), file("new")])
        #expect(second.steps[0].attempts == 2)
        #expect(second.steps[1].left.isEmpty)
        try again.close()
    }
}
