import Testing
import UsherEvidence
import UsherTicket
import UsherWire

/// Every way to lay hands on a log that was written: found, and found at its place.
@Suite struct EvidenceTamperTests {
    private static func log() throws -> LogFixture {
        var log = try LogFixture()
        // Each file: a checkpoint, then 40 records and 4 checkpoints: 45 lines.
        try log.write(files: 3, records: 40, every: 10)
        return log
    }

    @Test func aLogThatNobodyTouchedIsSoundUpToItsLastCheckpoint() throws {
        let log = try Self.log()
        let verdict = log.verdict()
        #expect(verdict.isSound && verdict.faults == [])
        #expect((verdict.first, verdict.last, verdict.lines, verdict.files) == (1, 135, 135, 3))
        #expect(verdict.checkpoints == 15 && verdict.signedTo == 135 && verdict.unsigned == 0)
        #expect(verdict.anchoredTo == nil && verdict.host == LogFixture.host)
    }

    @Test func aByteChangedInAnyLineIsFoundAtThatLine() throws {
        let log = try Self.log()
        for file in log.files.indices {
            for index in log.files[file].lines.indices {
                var changed = log
                let text = String(decoding: changed.files[file].lines[index], as: UTF8.self)
                let other = text.replacing("command ", with: "innocent ").replacing("Checkpoint ", with: "checkpoint ")
                #expect(other != text)
                changed.files[file].lines[index] = Array(other.utf8)
                let verdict = changed.verdict()
                let first = try #require(verdict.faults.first, "\(file):\(index)")
                let isLast = file == 2 && index == 44
                #expect(first.kind == (text.contains("Checkpoint") ? .forgedCheckpoint : .changed), "\(first)")
                #expect(first.place == .init(file: log.files[file].name, line: index + 1), "\(first)")
                #expect(first.sequence == Int64(file * 45 + index + 1), "\(first)")
                #expect(verdict.faultCount == 1 || text.contains("Checkpoint"), "\(verdict.faults)")
                #expect(isLast || (verdict.signedTo ?? 0) < (first.sequence ?? 0))
            }
        }
    }

    @Test func aLineThatIsNoLineAnyMoreIsFoundAtThatLine() throws {
        let log = try Self.log()
        for garbage in [[], Array("{}".utf8), [0, 0, 0], Array("null".utf8)] as [[UInt8]] {
            var changed = log
            changed.files[1].lines[7] = garbage
            let verdict = changed.verdict()
            #expect(verdict.faultCount == 1)
            #expect(verdict.faults.first?.kind == .malformed && verdict.faults.first?.sequence == 53)
            #expect(verdict.faults.first?.place == .init(file: log.files[1].name, line: 8))
        }
    }

    @Test func aRemovedLineAndRemovedFilesAreFoundWhereTheyAreMissing() throws {
        let log = try Self.log()
        for (count, at) in [(1, 3), (1, 44), (5, 12), (20, 20), (1, 0)] {
            var removed = log
            removed.files[1].lines.removeSubrange(at..<(at + count))
            let verdict = removed.verdict()
            let fault = try #require(verdict.faults.first { $0.kind == .removed }, "\(verdict.faults)")
            #expect(fault.sequence == Int64(45 + at + 1))
            let isFileEnd = at + count == 45
            #expect(fault.place == .init(file: log.files[isFileEnd ? 2 : 1].name, line: isFileEnd ? 1 : at + 1))
        }
        var noMiddle = log
        noMiddle.files.remove(at: 1)
        #expect(noMiddle.verdict().faults.first?.kind == .removed)
        var noBeginning = log
        noBeginning.files.remove(at: 0)
        let verdict = noBeginning.verdict()
        #expect(verdict.faults.map(\.kind) == [.removed] && verdict.faults.first?.detail.contains("1 to 45") == true)
        #expect(noBeginning.verdict(isWhole: false).isSound)
    }

    @Test func anInsertedLineIsFound() throws {
        let log = try Self.log()
        for (source, target) in [(5, 20), (20, 5), (6, 7), (0, 30)] {
            var inserted = log
            inserted.files[1].lines.insert(log.files[1].lines[source], at: target)
            let verdict = inserted.verdict()
            #expect(verdict.faults.first?.kind == .inserted, "\(source) to \(target): \(verdict.faults)")
            #expect(verdict.faults.first?.place == .init(file: log.files[1].name, line: target + 1))
        }
        // One that knows the line before it, and has the number that comes next.
        var forged = log
        let before = try log.line(1, 9)
        var chain = EvidenceChain(host: LogFixture.host, sequence: before.sequence, hash: before.hash)
        forged.files[1].lines.insert(chain.append(LogFixture.record("nothing happened")), at: 10)
        let verdict = forged.verdict()
        #expect(verdict.faults.map(\.kind) == [.inserted], "\(verdict.faults)")
        #expect(verdict.faults.first?.place == .init(file: log.files[1].name, line: 11))
    }

    @Test func reorderedLinesAreFound() throws {
        let log = try Self.log()
        for (from, to) in [(5, 6), (5, 30), (30, 5), (12, 13)] {
            var moved = log
            let line = moved.files[1].lines.remove(at: from)
            moved.files[1].lines.insert(line, at: to)
            let verdict = moved.verdict()
            #expect(verdict.faults.contains { $0.kind == .reordered }, "\(from) to \(to): \(verdict.faults)")
            #expect(verdict.faultCount <= 2, "\(from) to \(to): \(verdict.faults)")
            let places = verdict.faults.map(\.place.line)
            #expect(places.contains(from + 1) || places.contains(to + 1), "\(from) to \(to): \(verdict.faults)")
        }
    }

    @Test func swappedFilesAreFoundByTheirNames() throws {
        var swapped = try Self.log()
        let first = swapped.files[0].lines
        swapped.files[0].lines = swapped.files[1].lines
        swapped.files[1].lines = first
        let verdict = swapped.verdict()
        let faults = verdict.faults.filter { $0.kind == .swappedFile }
        #expect(Set(faults.map(\.place.file)) == ["evidence-1.jsonl", "evidence-46.jsonl"])
        #expect(faults.allSatisfy { $0.place.line == 1 } && verdict.faultCount < 10, "\(verdict.faults)")
    }

    @Test func whoWritesTheLogAnewWithoutTheKeysIsFoundAtTheNextCheckpoint() throws {
        let log = try Self.log()
        var forged = log
        // A record goes, and everything behind it is numbered and chained again.
        let last = try log.line(1, 4)
        var chain = EvidenceChain(host: LogFixture.host, sequence: last.sequence, hash: last.hash)
        var lines = Array(log.files[1].lines[...4])
        for index in 6..<45 {
            let line = try log.line(1, index)
            lines.append(line.kind == "checkpoint" ? log.files[1].lines[index] : chain.append(line.record))
            if line.kind == "checkpoint" { break }
        }
        forged.files[1].lines = lines
        forged.files.remove(at: 2)
        let verdict = forged.verdict()
        #expect(!verdict.isSound && verdict.signedTo == 46, "\(verdict.faults)")
        #expect(verdict.faults.allSatisfy { $0.place.file == log.files[1].name && $0.place.line > 5 })
    }

    @Test func aCheckpointOfAnotherKeyIsForged() throws {
        var log = try LogFixture()
        try log.beginFile(isCurrent: true)
        log.append([LogFixture.record()])
        try log.checkpoint(by: Fixture.key(66))
        let verdict = log.verdict()
        #expect(verdict.faults.map(\.kind) == [.forgedCheckpoint] && verdict.faults.first?.sequence == 3)
        #expect(verdict.signedTo == 1 && verdict.unsigned == 2)
    }

    @Test func theHostsKeyCannotBeginAnewUnseen() throws {
        for restart in [nil, "the key file was lost"] {
            var log = try LogFixture()
            try log.beginFile(isCurrent: true)
            try log.checkpoint(by: log.hostKey, restart: restart)
            try log.checkpoint()
            let verdict = log.verdict()
            #expect(verdict.faults.map(\.kind) == [.keysRestarted] && verdict.faults.first?.sequence == 2)
        }
    }

    @Test func withoutTheHostsKeyNothingIsProven() throws {
        let log = try Self.log()
        let verdict = log.verdict(keys: [try Fixture.key(9).publicKey])
        #expect(verdict.faults.first?.kind == .unknownKey && verdict.signedTo == nil)
    }

    @Test func rootThatSignsAWholeNewLogIsFoundByAnyAnchorWithinIt() throws {
        let log = try Self.log()
        var forged = try LogFixture(seed: 200)
        try forged.beginFile(isCurrent: true)
        forged.append([EvidenceRecord](repeating: LogFixture.record(), count: 134))
        try forged.checkpoint()
        // The host's key signed it: without an anchor there is nothing to see.
        #expect(forged.verdict().isSound)
        for (file, index) in [(0, 0), (1, 11), (2, 44)] {
            let verdict = forged.verdict(anchors: [try log.anchor(file, index)])
            #expect(verdict.faults.map(\.kind) == [.anchorMissed])
            #expect(verdict.faults.first?.sequence == Int64(file * 45 + index + 1) && verdict.anchoredTo == nil)
            #expect(log.verdict(anchors: [try log.anchor(file, index)]).anchoredTo == Int64(file * 45 + index + 1))
        }
    }

    @Test func aTailThatIsGoneIsUnknownAndWithAnAnchorFound() throws {
        var log = try Self.log()
        let anchor = try log.anchor(2, 33)
        log.files[2].lines.removeSubrange(30...)
        let verdict = log.verdict()
        // Nothing is wrong with what is there, and nothing says that it is all.
        #expect(verdict.isSound && verdict.last == 120 && verdict.signedTo == 113 && verdict.unsigned == 7)
        let anchored = log.verdict(anchors: [anchor])
        #expect(anchored.faults.map(\.kind) == [.anchorMissed])
        #expect(anchored.faults.first?.detail.contains("lines 121 to 124 are gone") == true)
        #expect(anchored.faults.first?.place == .init(file: "evidence.jsonl", line: 30))
    }

    @Test func linesThatNobodySignedAreNotSound() throws {
        var chain = EvidenceChain(host: LogFixture.host)
        var log = try Self.log()
        log.files = [.init(name: EvidenceFiles.current, first: nil, lines: [])]
        for number in 1...20 { log.files[0].lines.append(chain.append(LogFixture.record("forged \(number)"))) }
        let verdict = log.verdict()
        #expect(!verdict.isSound && verdict.signedTo == nil)
        #expect(verdict.faults.map(\.kind) == [.notSigned] && verdict.faults.first?.sequence == 1)
    }

    @Test func aLineThatIsTooLongStillSaysWhatRan() throws {
        var chain = EvidenceChain(host: LogFixture.host)
        var record = LogFixture.record()
        let many = JSONValue.array([.string([UInt8](repeating: 0x78, count: EvidenceLimits.lineBytes))])
        record.details.members.append(.init(name: Array("arguments".utf8), value: many))
        let line = try EvidenceLine(parsing: chain.append(record))
        #expect(line.record.attributes == record.attributes && line.record.details["arguments"] == nil)
        #expect(line.record.details["cut"] != nil && line.record.details["role"] != nil)
    }

    @Test func aCutLastLineIsToldAsOne() throws {
        var log = try Self.log()
        log.files[2].unfinished = Array(log.files[2].lines.removeLast().dropLast(3))
        let verdict = log.verdict()
        #expect(verdict.faults.map(\.kind) == [.cut] && verdict.faults.first?.sequence == 135)
        #expect(verdict.faults.first?.place == .init(file: "evidence.jsonl", line: 45))
    }

    @Test func retentionExplainsWhatIsMissingAtTheBeginning() throws {
        var log = try LogFixture()
        try log.write(files: 2, records: 20, every: 10)
        log.append([LogFixture.retention(through: 23)])
        log.files.remove(at: 0)
        #expect(log.verdict().isSound && log.verdict().first == 24)
    }
}
