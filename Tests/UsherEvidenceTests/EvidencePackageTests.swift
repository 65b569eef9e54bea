import Testing
import UsherEvidence
import UsherTicket

@Suite struct TapeArchiveTests {
    private static let entries = [
        ArchiveEntry(name: "folder/empty", bytes: []), ArchiveEntry(name: "folder/one.txt", bytes: Array("x".utf8)),
        ArchiveEntry(name: "folder/block-512", bytes: [UInt8](repeating: 7, count: 512)),
        ArchiveEntry(name: "folder/more", bytes: [UInt8](repeating: 9, count: 10_000)),
    ]

    @Test func whatIsWrittenIsRead() throws {
        let archive = TapeArchive.encode(Self.entries, at: 1_800_000_000)
        #expect(archive.count % 512 == 0 && TapeArchive.isArchive(archive))
        #expect(try TapeArchive.decode(archive) == Self.entries)
        #expect(try TapeArchive.decode(TapeArchive.encode([], at: 0)).isEmpty)
    }

    @Test func everyBitOfHeadersAndPaddingCounts() throws {
        let archive = TapeArchive.encode(Self.entries, at: 1_800_000_000)
        // The first two headers, a file of one byte, and its padding.
        for position in 0..<2048 where position != 1024 {
            for bit: UInt8 in [1, 0x80] {
                var changed = archive
                changed[position] ^= bit
                let read = try? TapeArchive.decode(changed)
                // A name or a time may be another one, with its sum: never the bytes of a file.
                #expect(read == nil, "byte \(position)")
            }
        }
    }

    @Test func cutArchivesAndForeignNamesAreRefused() throws {
        let archive = TapeArchive.encode(Self.entries, at: 0)
        for count in stride(from: 0, to: archive.count, by: 512) {
            #expect((try? TapeArchive.decode(Array(archive[..<count]))) == nil, "\(count)")
        }
        #expect((try? TapeArchive.decode(archive + [UInt8](repeating: 0, count: 512))) == nil)
        for name in ["../x", "/x", "a//b", "a/b/c", ".x", "a/..", "", "a b", "a\u{0}b"] {
            let odd = TapeArchive.encode([ArchiveEntry(name: name, bytes: [])], at: 0)
            #expect((try? TapeArchive.decode(odd))?.isEmpty ?? true, "\(name)")
        }
        let twice = TapeArchive.encode([Self.entries[0], Self.entries[0]], at: 0)
        #expect((try? TapeArchive.decode(twice)) == nil)
    }
}

@Suite struct EvidencePackageTests {
    /// A package of a log's second file: its first checkpoint is endorsed, the slice begins at the one after it.
    private static func package(_ change: (inout [ArchiveEntry]) -> Void = { _ in }) throws -> (LogFixture, [UInt8]) {
        var log = try LogFixture()
        try log.write(files: 2, records: 20, every: 10)
        let lines = log.files[1].lines
        let checkpoints = lines.filter { (try? EvidenceLine(parsing: $0))?.kind == "checkpoint" }
        let second = try #require(lines.firstIndex(of: checkpoints[1]))
        func text(_ lines: some Sequence<[UInt8]>) -> [UInt8] { lines.flatMap { $0 + [UInt8(ascii: "\n")] } }
        var files = [
            ArchiveEntry(name: EvidencePackage.slice, bytes: text(lines[second...])),
            ArchiveEntry(name: EvidencePackage.checkpoints, bytes: text(checkpoints)),
        ]
        change(&files)
        let archive = try EvidencePackage.make(
            host: LogFixture.host, session: "s-abcdefghij234567", files: files, key: log.hostKey, at: 1_800_000_100)
        return (log, archive)
    }

    @Test func aPackageVerifiesWithTheHostsKeyAndSaysWhenItUsedItsOwn() throws {
        let (log, archive) = try Self.package()
        let verdict = try EvidencePackage.verify(archive, keys: [log.hostKey.publicKey])
        #expect(verdict.isSound && !verdict.keyIsItsOwn, "\(verdict.problems) \(verdict.evidence.faults)")
        #expect(verdict.sessionLines == 10 && verdict.evidence.unsigned == 0 && verdict.receipt == nil)
        #expect(try EvidencePackage.verify(archive, keys: []).keyIsItsOwn)
        let foreign = try EvidencePackage.verify(archive, keys: [Fixture.key(9).publicKey])
        #expect(!foreign.isSound && foreign.problems.first?.contains("not signed by key") == true)
    }

    @Test func everyByteOfAPackageCounts() throws {
        let (log, archive) = try Self.package()
        for position in stride(from: 0, to: archive.count, by: 37) {
            var changed = archive
            changed[position] ^= 1
            let verdict = try? EvidencePackage.verify(changed, keys: [log.hostKey.publicKey])
            #expect(verdict?.isSound != true, "byte \(position)")
        }
    }

    @Test func evidenceThatItsCheckpointsDoNotProveIsRefusedEvenWhenTheHostsKeySignedThePackage() throws {
        let changes: [(inout [ArchiveEntry]) -> Void] = [
            { $0[1].bytes = [] },
            { files in files[1].bytes.removeSubrange(0...(files[1].bytes.firstIndex(of: UInt8(ascii: "\n")) ?? 0)) },
            { files in
                let text = String(decoding: files[0].bytes, as: UTF8.self)
                files[0].bytes = Array(text.replacing("command 1.15", with: "innocent 1.15").utf8)
            },
            { $0[0].bytes = [] },
        ]
        for (index, change) in changes.enumerated() {
            let (log, archive) = try Self.package(change)
            let verdict = try EvidencePackage.verify(archive, keys: [log.hostKey.publicKey])
            #expect(!verdict.isSound, "\(index)")
        }
    }
}
