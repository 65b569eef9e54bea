import Logging
import Synchronization
import Testing
import UsherEvidence
import UsherStore
import UsherWire

@testable import UsherAgent

@Suite struct EvidenceIntakeTests {
    private static let uid: UInt32 = 1_900_000_000
    private let sink = ListSink()
    private let watch = ListWatch()
    private let ended = Ended()

    private final class Ended: Sendable {
        let causes = Mutex([(String, EndCause)]())
    }

    private func intake(
        written: [(AuditEvent.Stamp, type: String)] = [], endsOnGap: Bool = false
    ) -> EvidenceIntake {
        EvidenceIntake(
            knowledge: ScriptedKnowledge([
                knownSession("s-live", uid: Self.uid, ses: 40),
                knownSession("s-gone", uid: Self.uid + 1, ses: 30, closedAt: 1_500_000),
            ]),
            mapper: { EvidenceMapper(bootID: "boot", mask: SecretMask()) }, sink: sink, watch: watch,
            actions: .init(
                endsOnGap: { _ in endsOnGap },
                end: { [ended] id, cause in ended.causes.withLock { $0.append((id, cause)) } }),
            written: written, logger: Logger(label: "test"))
    }

    private func execs(_ serials: ClosedRange<UInt64>) -> [AuditEvent] {
        serials.map { exec(["id", "\($0)"], serial: $0, auid: Self.uid, ses: 40) }
    }

    private var serials: [String] { sink.records.compactMap { $0.details.text("event") } }

    @Test func whatIsWrittenIsSeenByTheWatchAfterwards() async throws {
        try await intake().take(AuditBatch(events: execs(1...3) + [exec(["x"], serial: 4, auid: 5, ses: 5)], gaps: []))
        #expect(serials == ["2000.000:1", "2000.000:2", "2000.000:3"])
        #expect(watch.records == sink.records)
    }

    @Test func anEventDeliveredAgainIsWrittenOnce() async throws {
        let intake = intake(written: [(.init(milliseconds: 2_000_000, serial: 1), type: "SYSCALL")])
        try await intake.take(AuditBatch(events: execs(1...3), gaps: []))
        try await intake.take(AuditBatch(events: execs(2...5), gaps: []))
        #expect(serials == (2...5).map { "2000.000:\($0)" })
    }

    @Test func whatCouldNotBeWrittenIsNeitherAcknowledgedNorForgotten() async throws {
        let intake = intake()
        sink.fail(1)
        await #expect(throws: ListSink.Full.self) { try await intake.take(AuditBatch(events: execs(1...3), gaps: [])) }
        #expect(watch.records.isEmpty)
        try await intake.take(AuditBatch(events: execs(1...3), gaps: []))
        #expect(serials.count == 3)
    }

    @Test func batchesThatComeTogetherKeepTheirOrder() async throws {
        let intake = intake()
        var batches: [[AuditEvent]] = []
        for first in stride(from: UInt64(1), through: 191, by: 10) { batches.append(execs(first...(first + 9))) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for batch in batches { group.addTask { try await intake.take(AuditBatch(events: batch, gaps: [])) } }
            try await group.waitForAll()
        }
        #expect(serials.count == 200 && Set(serials).count == 200)
    }

    /// `login` inside of a session: the kernel's record of the new number names the old one.
    @Test func whoTakesAnotherLoginuidIsFollowed() async throws {
        let login = event("LOGIN", serial: 1, auid: 1001, ses: 61, uid: 0, fields: [("old-ses", "40")])
        let again = event("LOGIN", serial: 3, auid: 1002, ses: 62, uid: 0, fields: [("old-ses", "61")])
        try await intake().take(
            AuditBatch(
                events: [
                    login, exec(["id"], serial: 2, auid: 1001, ses: 61), again,
                    exec(["id"], serial: 4, auid: 1002, ses: 62), exec(["id"], serial: 5, auid: 1001, ses: 63),
                ], gaps: []))
        #expect(sink.records.map(\.session) == ["s-live", "s-live", "s-live", "s-live"])
        #expect(sink.records.map(\.attribution) == [.kernel, .inferred, .kernel, .inferred])
        #expect(sink.records.map(\.kind) == ["loginuid", "exec", "loginuid", "exec"])
    }

    @Test(arguments: [false, true])
    func aGapIsARecordOfTheHostAndOfEachSessionThatItTouches(ends: Bool) async throws {
        let gap = EvidenceGap(from: 1_400_000, to: 1_600_000, cause: .auditdDown, lost: 12, detail: "auditd ended")
        try await intake(endsOnGap: ends).take(AuditBatch(events: [], gaps: [gap]))
        let records = sink.records
        #expect(records.map(\.session) == [nil, "s-live", "s-gone"])
        #expect(records.allSatisfy { $0.kind == "gap" && $0.severity == .high && $0.category == .base })
        #expect(records[0].details.at("lost") == .integer(12) && records[0].details.text("cause") == "auditd down")
        #expect(records[1].details.at("from") == .integer(1_400_000))
        let causes = ended.causes.withLock { $0 }
        // A closed session cannot end.
        #expect(causes.map(\.0) == (ends ? ["s-live"] : []))
        #expect(causes.allSatisfy { $0.1.kind == .detected })
    }

    @Test func theWindowOfNumbersForgetsOnlyWhatIsOld() {
        var recent = RecentEvents()
        func insert(_ serial: UInt64, _ type: String = "SYSCALL") -> Bool {
            recent.insert(.init(milliseconds: 1, serial: serial), type: type)
        }
        #expect(insert(100) && !insert(100) && insert(99) && !insert(99))
        #expect(insert(100 + 65_535) && !insert(100))
        #expect(insert(100 + 65_536) && insert(100) && insert(100))
        #expect(insert(1_000_000) && insert(999_999) && !insert(1_000_000))
        // auditd's own numbers say nothing about the kernel's.
        #expect(insert(1_000_000, "DAEMON_START") && !insert(1_000_000, "DAEMON_START"))
        #expect(insert(4_294_967_295) && insert(3) && !insert(3) && insert(2))
    }
}
