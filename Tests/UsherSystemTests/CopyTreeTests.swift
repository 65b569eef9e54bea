import Foundation
import Glibc
import Testing
import UsherSystem

@Suite("Copying a skeleton")
struct CopyTreeTests {
    let scratch: Scratch
    let skeleton: String
    let home: String
    private let owner: UInt32 = 1_900_000_123

    init() throws {
        scratch = try Scratch()
        skeleton = scratch.path + "/skel"
        home = scratch.path + "/home"
        try Files.makeDirectory(skeleton, mode: 0o755)
        try Files.makeDirectory(home, mode: 0o700)
    }

    private func copy(_ limits: CopyLimits = CopyLimits()) throws(SystemError) {
        try Files.copyTree(skeleton, into: home, uid: owner, gid: owner, limits: limits)
    }

    private func add(_ name: String, _ text: String, mode: UInt32 = 0o644) throws {
        try Files.writeAtomically("\(skeleton)/\(name)", Array(text.utf8), mode: mode)
    }

    @Test("files, directories and links arrive with their modes and belong to the account")
    func copies() throws {
        try add(".bashrc", "echo hello", mode: 0o640)
        try add("empty", "")
        try Files.makeDirectory(skeleton + "/bin", mode: 0o750)
        try add("bin/tool", String(repeating: "x", count: 200_000), mode: 0o755)
        try Make.link("bin/tool", at: skeleton + "/link")
        try Make.link("/etc/shadow", at: skeleton + "/outside")
        try copy()
        #expect(try Files.list(home) == [".bashrc", "bin", "empty", "link", "outside"])
        let rules = FileRules(owner: owner)
        #expect(try Files.read(home + "/.bashrc", limit: 100, rules: rules) == Array("echo hello".utf8))
        #expect(try Files.read(home + "/bin/tool", limit: 300_000, rules: rules).count == 200_000)
        for (name, mode) in [(".bashrc", UInt32(0o640)), ("bin", 0o750), ("bin/tool", 0o755), ("empty", 0o644)] {
            let status = try #require(try Files.status("\(home)/\(name)"))
            #expect((status.mode, status.uid, status.gid) == (mode, owner, owner), "\(name)")
        }
        for (name, target) in [("link", "bin/tool"), ("outside", "/etc/shadow")] {
            #expect(try FileManager.default.destinationOfSymbolicLink(atPath: "\(home)/\(name)") == target)
            #expect(try Files.status("\(home)/\(name)")?.uid == owner)
        }
        let top = try #require(try Files.status(home))
        #expect((top.uid, top.mode) == (owner, 0o700))
    }

    @Test("set-id bits do not travel")
    func dropsSetID() throws {
        try add("tool", "x", mode: 0o6755)
        try copy()
        #expect(try Files.status(home + "/tool")?.mode == 0o755)
    }

    @Test("FIFOs and sockets are left out, without waiting on them")
    func skipsSpecialFiles() throws {
        try Make.fifo(skeleton + "/fifo")
        _ = try UnixSocket.listen(skeleton + "/socket", mode: 0o600)
        try add("file", "x")
        try copy()
        #expect(try Files.list(home) == ["file"])
    }

    @Test("a link in the place of a copy is not followed")
    func destinationLink() throws {
        let victim = try scratch.file("victim", "untouched")
        try add("a", "evil")
        try Make.link(victim, at: home + "/a")
        #expect(failure { () throws(SystemError) in try copy() }?.errno == EEXIST)
        #expect(try Files.read(victim, limit: 100, rules: .rootOnly) == Array("untouched".utf8))
    }

    @Test("a skeleton or home that is a link is refused")
    func linkedRoots() throws {
        try Make.link(home, at: scratch.path + "/link")
        let link = scratch.path + "/link"
        #expect(
            failure { () throws(SystemError) in try Files.copyTree(skeleton, into: link, uid: 1, gid: 1) }?.errno
                == ENOTDIR)
        #expect(
            failure { () throws(SystemError) in try Files.copyTree(link, into: home, uid: 1, gid: 1) }?.errno
                == ENOTDIR)
    }

    @Test("too many files, too many bytes and too deep a tree are refused")
    func limits() throws {
        try add("a", "12345")
        try add("b", "12345")
        #expect(failure { () throws(SystemError) in try copy(CopyLimits(entries: 1)) }?.message == "too many files")
        try FileManager.default.removeItem(atPath: home)
        try Files.makeDirectory(home, mode: 0o700)
        #expect(failure { () throws(SystemError) in try copy(CopyLimits(bytes: 9)) }?.message == "longer than 4 bytes")
        var deep = skeleton
        for _ in 0..<4 {
            deep += "/d"
            try Files.makeDirectory(deep, mode: 0o755)
        }
        try FileManager.default.removeItem(atPath: home)
        try Files.makeDirectory(home, mode: 0o700)
        #expect(failure { () throws(SystemError) in try copy(CopyLimits(depth: 4)) }?.message == "nested too deep")
    }

    @Test("no descriptor stays open")
    func closesDescriptors() throws {
        try Files.makeDirectory(skeleton + "/d", mode: 0o755)
        try add("d/a", "x")
        let others = { () throws -> [String] in
            try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap { name in
                try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(name)")
            }.filter { $0.hasPrefix(scratch.path) }
        }
        try copy()
        #expect(try others() == [])
    }
}
