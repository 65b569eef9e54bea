import Testing
import UsherEvidence

@testable import UsherAgent
@testable import UsherSystem

@Suite struct QuarantineTests {
    private static let uid: UInt32 = 1_900_000_001

    @Test func eachReasonKeepsTheUIDAndGoesByItself() throws {
        let quarantine = Quarantine(residue: [Self.uid: 3])
        #expect(quarantine.reason(Self.uid, scans: true)?.contains("3 files") == true)
        #expect(quarantine.reason(Self.uid + 1, scans: true) == nil)
        let process = Quarantine.ForeignProcess(pid: 42, command: "sleep")
        #expect(quarantine.setProcesses([Self.uid: [process]]) == [Self.uid: [process]])
        #expect(quarantine.setProcesses([Self.uid: [process]]).isEmpty)
        #expect(quarantine.reason(Self.uid, scans: false)?.contains("process 42 (sleep)") == true)
        _ = quarantine.setProcesses([:])
        quarantine.setResidue(0, of: Self.uid)
        #expect(quarantine.reason(Self.uid, scans: true) == nil)
    }

    @Test func aUIDWaitsForAScanOnlyWhereThereIsOne() {
        let quarantine = Quarantine()
        quarantine.awaitScan(of: Self.uid)
        #expect(quarantine.reason(Self.uid, scans: true)?.contains("nobody has looked") == true)
        #expect(quarantine.reason(Self.uid, scans: false) == nil)
        quarantine.scanned([Self.uid])
        #expect(quarantine.reason(Self.uid, scans: true) == nil)
    }

    @Test func aScanTellsOwnersAndGroupsApartAndLeavesLiveSessionsAlone() {
        let range: ClosedRange<UInt32> = 1_900_000_000...1_900_000_100
        let findings = ResidueFindings(
            range: range, order: .remove(Self.uid, reason: "r", by: "b"), isLive: { $0 == Self.uid + 2 })
        func entry(_ uid: UInt32, _ gid: UInt32) -> OwnedEntry {
            OwnedEntry(kind: "file", path: "/srv/x", uid: uid, gid: gid)
        }
        #expect(findings.judge(entry(Self.uid, Self.uid)) == .remove(Self.uid))
        #expect(findings.judge(entry(Self.uid + 1, Self.uid + 1)) == .leave)
        #expect(findings.judge(entry(0, Self.uid + 1)) == .leave)
        #expect(findings.judge(entry(Self.uid + 2, Self.uid + 2)) == .leave)
        #expect(findings.byUID.mapValues(\.count) == [Self.uid + 1: 2])
        findings.done(entry(Self.uid, Self.uid), nil)
        findings.done(entry(Self.uid, Self.uid), SystemError("remove", errno: 39))
        findings.done(entry(Self.uid, Self.uid), SystemError("remove", errno: 2))
        #expect(findings.handled.count == 1)
        #expect(findings.byUID[Self.uid]?.count == 1)
    }

    @Test func aTallyCountsEverythingAndTellsTheFirst() {
        var tally = ScanTally()
        for number in 0..<250 { tally.add(OwnedEntry(kind: "file", path: "/srv/\(number)", uid: 1, gid: 1)) }
        #expect(tally.count == 250 && tally.findings.count == ScanTally.told)
        #expect(tally.list.total == 250)
    }
}
