import Foundation
import Logging
import Synchronization
import Testing
import UsherConfig
import UsherEvidence
import UsherSystem
import UsherTicket
import UsherWire

@testable import UsherAgent

/// The evidence log on a real disk, in a directory of its own.
final class EvidenceHost: Sendable {
    let place: EvidencePlace
    let key: PrivateKey
    private let root: String

    init() throws {
        root = NSTemporaryDirectory() + "/usher-evidence-" + UUID().uuidString
        try FileManager.default.createDirectory(
            atPath: root, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        place = EvidencePlace(
            directory: root + "/log", keyFile: root + "/key", uid: CurrentProcess.effectiveUserID,
            readers: CurrentProcess.effectiveGroupID)
        key = try PrivateKey(seed: [UInt8](repeating: 7, count: 32))
    }

    deinit {
        try? FileManager.default.removeItem(atPath: root)
    }

    func log(_ settings: EvidenceSettings = EvidenceSettings(reserveMiB: 1)) throws -> EvidenceLog {
        try EvidenceLog(
            place: place, hostID: "h-abcdefghij234567", hostKey: key, settings: settings, logger: Logger(label: "test"))
    }

    func verdict(anchors: [EvidenceAnchor] = []) throws -> EvidenceVerdict {
        var verifier = EvidenceVerifier(hostKeys: [key.publicKey], anchors: anchors)
        for name in EvidenceFiles.ordered(try Files.list(place.directory)) {
            verifier.beginFile(name, first: EvidenceFiles.first(of: name))
            var splitter = LineSplitter()
            splitter.take(try bytes(name)) { verifier.take($0) }
            verifier.endFile(unfinished: splitter.unfinished)
        }
        return verifier.finish()
    }

    func bytes(_ name: String = EvidenceFiles.current) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: place.path(name))))
    }

    func write(_ bytes: [UInt8], _ name: String = EvidenceFiles.current) throws {
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: place.path(name)))
        try handle.truncate(atOffset: 0)
        try handle.write(contentsOf: Data(bytes))
        try handle.close()
    }

    func lines(_ name: String = EvidenceFiles.current) throws -> [EvidenceLine] {
        try bytes(name).split(separator: UInt8(ascii: "\n")).map { try EvidenceLine(parsing: Array($0)) }
    }

    func names() throws -> [String] { EvidenceFiles.ordered(try Files.list(place.directory)) }
}

@Suite struct EvidenceLogTests {
    private static func record(_ text: String) -> EvidenceRecord {
        EvidenceRecord(
            milliseconds: 1_800_000_000_000, category: .processActivity, activity: 1, message: text,
            session: "s-abcdefghij234567", attribution: .kernel, kind: "exec")
    }

    @Test func whatWasAppendedIsThereInItsOrderAndVerifies() async throws {
        let host = try EvidenceHost()
        let log = try host.log()
        #expect(log.isWritable)
        await withTaskGroup(of: Void.self) { group in
            for writer in 0..<8 {
                group.addTask {
                    for number in 0..<50 {
                        try? await log.append([Self.record("\(writer) \(number)"), Self.record("\(writer) \(number)+")])
                        log.note(Self.record("note \(writer) \(number)"))
                    }
                }
            }
        }
        await log.close()
        let verdict = try host.verdict()
        #expect(verdict.isSound, "\(verdict.faults)")
        let messages = try host.lines().filter { $0.kind == "exec" }.map(\.record.message)
        #expect(messages.count == 8 * 50 * 3)
        for writer in 0..<8 {
            let own = messages.filter { $0.hasPrefix("\(writer) ") }
            #expect(own == (0..<50).flatMap { ["\(writer) \($0)", "\(writer) \($0)+"] })
        }
        // Closed: everything is signed.
        #expect(verdict.signedTo == verdict.last && verdict.checkpoints == 2)
        #expect(try Files.status(host.place.current)?.mode == 0o640)
        #expect(try Files.status(host.place.keyFile)?.mode == 0o600)
        await #expect(throws: EvidenceLog.Overloaded.self) { try await log.append([Self.record("late")]) }
    }

    @Test func aRestartedAgentGoesOnWithChainAndKeys() async throws {
        let host = try EvidenceHost()
        for run in 0..<4 {
            let log = try host.log()
            #expect(log.found.isEmpty == (run == 0))
            try await log.append([Self.record("run \(run)")])
            // Every other run ends as by a kill: nothing is closed.
            if run % 2 == 0 { await log.close() }
        }
        let verdict = try host.verdict()
        #expect(verdict.isSound, "\(verdict.faults)")
        #expect(try host.lines().filter { $0.kind == "exec" }.map(\.record.message) == (0..<4).map { "run \($0)" })
    }

    @Test func aFullFileIsFollowedByAnotherAndTheChainGoesOn() async throws {
        let host = try EvidenceHost()
        let log = try host.log(EvidenceSettings(fileMiB: 1, reserveMiB: 1, checkpointLines: 500))
        for number in 0..<60 {
            try await log.append((0..<100).map { Self.record("\(number) \($0) " + String(repeating: "x", count: 200)) })
        }
        await log.close()
        #expect(try host.names().count >= 3)
        let verdict = try host.verdict()
        #expect(verdict.isSound && verdict.signedTo == verdict.last, "\(verdict.faults)")
        // Each file can be verified without those before it.
        let name = try #require(try host.names().dropFirst().first)
        var verifier = EvidenceVerifier(hostKeys: [host.key.publicKey], isWhole: false)
        verifier.beginFile(name, first: EvidenceFiles.first(of: name))
        var splitter = LineSplitter()
        splitter.take(try host.bytes(name)) { verifier.take($0) }
        let part = verifier.finish()
        #expect(part.isSound && part.signedTo != nil, "\(part.faults)")
    }

    @Test func oldFilesGoAndALineSaysSo() async throws {
        let host = try EvidenceHost()
        let log = try host.log(EvidenceSettings(fileMiB: 1, keep: 3600, reserveMiB: 1))
        for number in 0..<60 {
            try await log.append((0..<100).map { Self.record("\(number) \($0) " + String(repeating: "x", count: 200)) })
        }
        let before = try host.names()
        let old = Date(timeIntervalSinceNow: -7200)
        try FileManager.default.setAttributes([.modificationDate: old], ofItemAtPath: host.place.path(before[0]))
        log.prune()
        await log.close()
        #expect(try host.names() == Array(before.dropFirst()))
        let verdict = try host.verdict()
        #expect(verdict.isSound && verdict.first == EvidenceFiles.first(of: before[1]), "\(verdict.faults)")
    }

    @Test(arguments: [1, 40, 400])
    func aLineThatACrashCutIsKeptAsideAndTold(bytes: Int) async throws {
        let host = try EvidenceHost()
        let first = try host.log()
        try await first.append([Self.record("before")])
        let whole = try host.bytes()
        let cut = Array(whole.prefix(bytes))
        try host.write(whole + cut)
        let log = try host.log()
        try await log.append([Self.record("after")])
        await log.close()
        let verdict = try host.verdict()
        #expect(verdict.isSound, "\(verdict.faults)")
        let gap = try #require(try host.lines().first { $0.kind == "gap" })
        guard case .string(let name)? = gap.record.details["file"] else { return #expect(Bool(false)) }
        #expect(try host.bytes(String(decoding: name, as: UTF8.self)) == cut)
        #expect(try host.lines().map(\.kind) == ["checkpoint", "exec", "gap", "exec", "checkpoint"])
    }

    @Test func aLogThatWasShortenedWhileTheAgentWasDownIsToldAndFound() async throws {
        let host = try EvidenceHost()
        let first = try host.log()
        for number in 0..<10 { try await first.append([Self.record("\(number)")]) }
        await first.close()
        let lines = try host.bytes().split(separator: UInt8(ascii: "\n"))
        try host.write(Array(lines[..<5].joined(separator: [UInt8(ascii: "\n")])) + [UInt8(ascii: "\n")])
        let log = try host.log()
        await log.close()
        try await Task.sleep(for: .milliseconds(1))
        let again = try host.log()
        try await again.append([Self.record("after")])
        await again.close()
        #expect(try host.lines().contains { $0.kind == "gap" && $0.record.severity == .critical })
        let verdict = try host.verdict()
        #expect(verdict.faults.map(\.kind) == [.removed], "\(verdict.faults)")
        #expect(verdict.faults.first?.sequence == 6 && verdict.signedTo == 1)
        #expect(verdict.faults.first?.detail == "lines 6 to 12 are missing before it")
    }

    @Test func aLostKeyFileBeginsTheKeysAnewInPublic() async throws {
        let host = try EvidenceHost()
        let first = try host.log()
        try await first.append([Self.record("before")])
        await first.close()
        try Files.remove(host.place.keyFile)
        let log = try host.log()
        try await log.append([Self.record("after")])
        await log.close()
        let verdict = try host.verdict()
        #expect(verdict.faults.map(\.kind) == [.keysRestarted], "\(verdict.faults)")
    }

    @Test func aCrashBetweenCheckpointAndKeyFileLosesNoKey() async throws {
        let host = try EvidenceHost()
        let first = try host.log()
        try await first.append([Self.record("before")])
        let before = Array(try Data(contentsOf: URL(fileURLWithPath: host.place.keyFile)))
        await first.close()
        // As if the agent had died before it wrote the file anew.
        try Data(before).write(to: URL(fileURLWithPath: host.place.keyFile))
        let log = try host.log()
        try await log.append([Self.record("after")])
        await log.close()
        let verdict = try host.verdict()
        #expect(verdict.isSound && verdict.checkpoints == 3, "\(verdict.faults)")
    }

    @Test func aFileThatIsTakenAwayUnderTheAgentIsTold() async throws {
        let host = try EvidenceHost()
        let log = try host.log()
        try await log.append([Self.record("before")])
        try Files.remove(host.place.current)
        try await log.append([Self.record("after")])
        await log.close()
        #expect(try host.lines().contains { $0.kind == "gap" && $0.record.severity == .critical })
        let verdict = try host.verdict()
        #expect(verdict.faults.map(\.kind) == [.removed], "\(verdict.faults)")
    }

    @Test func aLinkInThePlaceOfTheLogIsNotFollowed() throws {
        let host = try EvidenceHost()
        try Files.makeDirectory(host.place.directory, mode: 0o700, uid: host.place.uid, gid: host.place.gid)
        let target = host.place.path("elsewhere")
        try Data("x".utf8).write(to: URL(fileURLWithPath: target))
        try FileManager.default.createSymbolicLink(atPath: host.place.current, withDestinationPath: target)
        let log = try host.log()
        #expect(!log.isWritable)
        #expect(try Data(contentsOf: URL(fileURLWithPath: target)) == Data("x".utf8))
    }

    @Test func bytesThatAreNoTextAndLinesThatAreTooLongStayReadable() async throws {
        let host = try EvidenceHost()
        let log = try host.log()
        var odd = Self.record("odd")
        odd.attributes = JSONObject(["process": .string([0xFF, 0xFE]), "message": .text("twice")])
        var long = Self.record(String(repeating: "é", count: 10_000))
        long.attributes = JSONObject(["process": .string([UInt8](repeating: 0x61, count: 400_000))])
        long.details = JSONObject(["stamp": .integer(7)])
        try await log.append([odd, long])
        await log.close()
        let lines = try host.lines()
        #expect(lines[1].record.attributes["process"] == .object(JSONObject(["hex": .text("fffe")])))
        #expect(lines[1].record.attributes["other_message"] == .text("twice") && lines[1].record.message == "odd")
        #expect(lines[2].record.details["cut"] != nil && lines[2].record.details["stamp"] == .integer(7))
        #expect(lines[2].record.message.utf8.count <= EvidenceLimits.messageBytes)
        #expect(try host.verdict().isSound)
    }
}
