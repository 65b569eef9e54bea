import Foundation
import Testing
import UsherEvidence

@testable import UsherExport

/// A receiver in memory that fails when it is told to.
private final class ScriptedTarget: ExportTarget {
    let destination = "scripted"
    let uncertainBytes: Int
    var received: [Int64] = []
    var opened = 0
    /// The failures of the next deliveries; nil for none.
    var script: [ExportError?] = []

    init(uncertainBytes: Int) {
        self.uncertainBytes = uncertainBytes
    }

    func open() throws(ExportError) { opened += 1 }

    func deliver(_ lines: [ExportLine]) throws(ExportError) {
        if !script.isEmpty, let failure = script.removeFirst() { throw failure }
        received += lines.map(\.sequence)
    }

    func check() {}
    func close() -> Bool { false }
}

@Suite final class ExporterTests {
    private let directory = NSTemporaryDirectory() + "/usher-export-" + UUID().uuidString
    private var chain = EvidenceChain(host: "h-1")

    init() throws {
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        try Data().write(to: URL(fileURLWithPath: directory + "/evidence.jsonl"))
    }

    deinit {
        try? FileManager.default.removeItem(atPath: directory)
    }

    private func write(_ count: Int) throws {
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: directory + "/evidence.jsonl"))
        try file.seekToEnd()
        for _ in 0..<count {
            let record = EvidenceRecord(
                milliseconds: 1, category: .base, activity: 1, message: "x", attribution: .agent, kind: "test")
            try file.write(contentsOf: Data(chain.append(record) + [0x0A]))
        }
        try file.close()
    }

    @Test func aFailureIsToldWaitedForAndTriedAgain() throws {
        try write(10)
        let target = ScriptedTarget(uncertainBytes: 1_000_000)
        let failure = ExportError(.receiver, "gone")
        target.script = [failure, failure, nil]
        var said: [String] = []
        var waits: [Int] = []
        let exporter = Exporter(
            Exporter.Plan(directory: directory, follow: true), to: target,
            Exporter.Surroundings(notify: { said.append($0) }) { milliseconds in
                waits.append(milliseconds)
                return target.received.count >= 10 && milliseconds == 250
            })
        try exporter.run()
        let connected = "scripted: connected; sending from line 1"
        #expect(said == ["gone; trying again in 1 s", connected, "gone; trying again in 2 s", connected])
        #expect(waits == [1000, 2000, 0, 250])
        #expect(target.received == Array(1...10) && target.opened == 3)
    }

    @Test func withoutFollowAFailureEndsIt() throws {
        try write(1)
        let target = ScriptedTarget(uncertainBytes: 0)
        target.script = [ExportError(.receiver, "gone")]
        let exporter = Exporter(
            Exporter.Plan(directory: directory), to: target, Exporter.Surroundings(notify: { _ in }) { _ in false })
        let error = #expect(throws: ExportError.self) { try exporter.run() }
        #expect(error == ExportError(.receiver, "gone"))
    }

    @Test func whoeverIsToldToStopWhileWaitingStops() throws {
        try write(1)
        let target = ScriptedTarget(uncertainBytes: 0)
        target.script = [ExportError(.receiver, "gone")]
        let exporter = Exporter(
            Exporter.Plan(directory: directory, follow: true), to: target,
            Exporter.Surroundings(notify: { _ in }) { $0 == 1000 })
        try exporter.run()
        #expect(target.received.isEmpty)
    }

    @Test func aLogThatCannotBeReadCallsNobody() throws {
        try write(5)
        try FileManager.default.setAttributes([.posixPermissions: 0o666], ofItemAtPath: directory + "/evidence.jsonl")
        let target = ScriptedTarget(uncertainBytes: 0)
        let exporter = Exporter(
            Exporter.Plan(directory: directory), to: target, Exporter.Surroundings(notify: { _ in }) { _ in false })
        let error = #expect(throws: ExportError.self) { try exporter.run() }
        #expect(error?.stage == .log && target.opened == 0)
    }
}
