import Foundation
import Glibc
import Testing
import UsherSystem

@Suite("Files")
struct FilesTests {
    let scratch: Scratch

    init() throws {
        scratch = try Scratch()
    }

    private func read(_ path: String, limit: Int = 100, rules: FileRules = .rootOnly) -> Result<[UInt8], SystemError> {
        do throws(SystemError) {
            return .success(try Files.read(path, limit: limit, rules: rules))
        } catch {
            return .failure(error)
        }
    }

    private func refusal(_ path: String, limit: Int = 100, rules: FileRules = .rootOnly) -> SystemError? {
        if case .failure(let error) = read(path, limit: limit, rules: rules) { error } else { nil }
    }

    @Test("a file of root in a directory of root is read, up to the limit")
    func readsRootFile() throws {
        let path = try scratch.file("a", "12345")
        #expect(try Files.read(path, limit: 5, rules: .rootOnly) == Array("12345".utf8))
        #expect(refusal(path, limit: 4)?.message == "longer than 4 bytes")
    }

    @Test("a file that others may write is refused", arguments: [UInt32(0o664), 0o646, 0o602])
    func refusesWritable(mode: UInt32) throws {
        let path = try scratch.file("a", "x", mode: mode)
        #expect(refusal(path)?.stage == "judge \(path)")
        #expect(refusal(path)?.errno == 0)
    }

    @Test("a secret that others may read is refused", arguments: [UInt32(0o640), 0o604, 0o644])
    func refusesReadableSecret(mode: UInt32) throws {
        #expect(refusal(try scratch.file("a", "x", mode: mode), rules: .rootSecret) != nil)
        #expect(refusal(try scratch.file("b", "x", mode: 0o600), rules: .rootSecret) == nil)
    }

    @Test("a file of another owner is refused unless the rules name that owner")
    func refusesForeignOwner() throws {
        let path = try scratch.file("a", "x", uid: 4711)
        #expect(refusal(path) != nil)
        #expect(refusal(path, rules: FileRules(owner: 4711)) == nil)
        #expect(refusal(path, rules: FileRules(owner: 4712)) != nil)
    }

    @Test("a file in a directory that others may write is refused", arguments: [UInt32(0o775), 0o1777])
    func refusesWritableDirectory(mode: UInt32) throws {
        let path = try scratch.file("a", "x")
        try Make.mode(mode, of: scratch.path)
        #expect(refusal(path)?.stage == "judge directory \(scratch.path)")
        #expect(refusal(path, rules: FileRules(judgesDirectory: false)) == nil)
    }

    @Test("a file in a directory of another owner is refused")
    func refusesForeignDirectory() throws {
        let path = try scratch.file("a", "x")
        try Make.owner(4711, of: scratch.path)
        #expect(refusal(path) != nil)
    }

    @Test("a symbolic link is refused unless the rules allow it")
    func refusesLink() throws {
        let path = try scratch.file("a", "x")
        try Make.link(path, at: scratch.path + "/link")
        #expect(refusal(scratch.path + "/link")?.errno == ELOOP)
        #expect(refusal(scratch.path + "/link", rules: FileRules(followsLink: true)) == nil)
    }

    @Test("a FIFO is refused without waiting for a writer")
    func refusesFIFO() throws {
        try Make.fifo(scratch.path + "/fifo")
        #expect(refusal(scratch.path + "/fifo")?.message == "not a regular file")
        try Files.makeDirectory(scratch.path + "/directory", mode: 0o755)
        #expect(refusal(scratch.path + "/directory")?.message == "not a regular file")
    }

    @Test("a path with a NUL byte is refused, not cut")
    func refusesNUL() throws {
        let path = try scratch.file("a", "x")
        #expect(refusal(path + "\0b")?.errno == 0)
        #expect(
            failure { () throws(SystemError) in try Files.makeDirectory(scratch.path + "/d\0e", mode: 0o755) } != nil)
        #expect(try Files.list(scratch.path) == ["a"])
    }

    @Test("an absent file says so")
    func absent() throws {
        #expect(refusal(scratch.path + "/none")?.isNotFound == true)
        #expect(try Files.status(scratch.path + "/none") == nil)
        #expect(try !Files.remove(scratch.path + "/none"))
        #expect(try !Files.removeDirectory(scratch.path + "/none"))
    }

    @Test("a written file has its mode and owner and leaves nothing beside it", arguments: [true, false])
    func writes(durable: Bool) throws {
        let path = scratch.path + "/a"
        umask(0o077)
        defer { umask(0o022) }
        for text in ["first", "second and longer", ""] {
            try Files.writeAtomically(path, Array(text.utf8), mode: 0o644, uid: 7, gid: 8, durable: durable)
            #expect(try Files.read(path, limit: 100, rules: FileRules(owner: 7)) == Array(text.utf8))
        }
        let status = try #require(try Files.status(path))
        #expect((status.mode, status.uid, status.gid) == (0o644, 7, 8))
        #expect(try Files.list(scratch.path) == ["a"])
    }

    @Test("a write that cannot be renamed leaves nothing behind")
    func failedWrite() throws {
        try Files.makeDirectory(scratch.path + "/taken", mode: 0o755)
        let path = scratch.path + "/taken"
        #expect(
            failure { () throws(SystemError) in try Files.writeAtomically(path, [1], mode: 0o644) }?.errno == EISDIR)
        #expect(try Files.list(scratch.path) == ["taken"])
    }

    @Test("a reader sees the old bytes or the new ones, never a part")
    func neverPartial() throws {
        let path = scratch.path + "/a"
        let contents = [UInt8(ascii: "a"), UInt8(ascii: "b")].map { [UInt8](repeating: $0, count: 100_000) }
        try Files.writeAtomically(path, contents[0], mode: 0o644)
        let writer = Thread {
            for round in 0..<200 { try? Files.writeAtomically(path, contents[round % 2], mode: 0o644) }
        }
        writer.start()
        var seen = Set<UInt8>()
        while !writer.isFinished {
            let bytes = try Files.read(path, limit: 200_000, rules: .rootOnly)
            #expect(bytes.count == 100_000)
            let distinct = Set(bytes)
            #expect(distinct.count == 1)
            seen.formUnion(distinct)
        }
        #expect(!seen.isEmpty)
    }

    @Test("what an interrupted write left is removed, other files are not")
    func staleTemporaries() throws {
        _ = try scratch.file("a")
        _ = try scratch.file(".usher-new-0123", "half")
        _ = try scratch.file(".hidden")
        try Files.removeStaleTemporaries(in: scratch.path)
        #expect(try Files.list(scratch.path) == [".hidden", "a"])
    }

    @Test("a directory is made with its mode and owner, and made again")
    func makesDirectory() throws {
        let path = scratch.path + "/d"
        try Files.makeDirectory(path, mode: 0o700, uid: 9, gid: 10)
        try Files.makeDirectory(path, mode: 0o2750, uid: 9, gid: 11)
        let status = try #require(try Files.status(path))
        #expect((status.kind, status.mode, status.uid, status.gid) == (.directory, 0o2750, 9, 11))
    }

    @Test("a directory of somebody else, a link and a file are not taken over")
    func refusesForeignPlaces() throws {
        try Files.makeDirectory(scratch.path + "/foreign", mode: 0o755, uid: 9)
        try Make.link("/tmp", at: scratch.path + "/link")
        _ = try scratch.file("file")
        for name in ["foreign", "link", "file"] {
            let path = "\(scratch.path)/\(name)"
            #expect(failure { () throws(SystemError) in try Files.makeDirectory(path, mode: 0o755) } != nil, "\(name)")
        }
        #expect(try Files.status(scratch.path + "/foreign")?.uid == 9)
    }

    @Test("a name that is not UTF-8 fails the listing")
    func refusesBadName() throws {
        let path = scratch.path + "/bad"
        try Files.makeDirectory(path, mode: 0o755)
        try Make.unreadableName(in: path)
        #expect(failure { () throws(SystemError) in _ = try Files.list(path) } != nil)
    }

    @Test("an error names the stage and the reason")
    func errorText() throws {
        let error = try #require(refusal("/nonexistent/file"))
        #expect(error.description == "open directory /nonexistent: No such file or directory")
    }
}
