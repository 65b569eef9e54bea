import Foundation
import Glibc
import Testing

@testable import UsherSystem

/// Which mounts a scan of everything walks.
@Suite struct LocalPlaceTests {
    private static func mount(
        _ id: Int, _ path: String, _ type: String, root: String = "/", device: String? = nil, isReadOnly: Bool = false
    ) -> MountEntry {
        MountEntry(
            id: id, device: device ?? "0:\(id)", root: root, path: path, fileSystem: type, isReadOnly: isReadOnly)
    }

    private static func paths(_ mounts: MountEntry...) -> [String] {
        Mounts.places(among: mounts, onDevices: ["ext4", "xfs"], notBelow: ["/run/usher/home"]).map(\.path)
    }

    @Test func localWritableFileSystemsAreWalkedAndNoOthers() {
        let found = Self.paths(
            Self.mount(1, "/", "ext4"), Self.mount(2, "/proc", "proc"), Self.mount(3, "/home", "nfs4"),
            Self.mount(4, "/tmp", "tmpfs"), Self.mount(5, "/media/cd", "xfs", isReadOnly: true),
            Self.mount(6, "/mnt/user", "fuse.sshfs"), Self.mount(7, "/sys/fs/cgroup", "cgroup2"),
            Self.mount(8, "/run/usher/home/u-aaaaaaaaaa", "tmpfs"), Self.mount(9, "/srv", "xfs"),
            Self.mount(10, "/var/lib/docker/overlay2/x/merged", "overlay"))
        #expect(found == ["/", "/srv", "/tmp"])
        #expect(Self.paths(Self.mount(1, "/", "overlay")) == ["/"])
    }

    @Test func aFileSystemThatIsMountedTwiceIsWalkedOnce() {
        let found = Self.paths(
            Self.mount(1, "/srv/bound", "ext4", root: "/data", device: "8:1"),
            Self.mount(2, "/", "ext4", device: "8:1"),
            Self.mount(3, "/a", "ext4", root: "/x", device: "8:2"),
            Self.mount(4, "/b", "ext4", root: "/x/y", device: "8:2"),
            Self.mount(5, "/c", "ext4", root: "/xy", device: "8:2"))
        #expect(found == ["/", "/a", "/c"])
    }

    @Test func whatIsHiddenByALaterMountIsNoPlace() {
        #expect(Self.paths(Self.mount(1, "/mnt", "ext4"), Self.mount(2, "/mnt", "nfs4")).isEmpty)
        #expect(Mounts.deviceTypes(Array("nodev\ttmpfs\n\text4\n\tfuseblk\n".utf8)) == ["ext4"])
    }

    @Test func theHostsOwnPlacesAreThereAndHaveTheMountsThatTheKernelTells() throws {
        let places = try Mounts.localPlaces()
        #expect(!places.isEmpty)
        #expect(try places.contains { try OwnershipScan.place($0.path) == $0 })
    }
}

@Suite struct OwnershipScanTests {
    private static let uid: UInt32 = 1_900_000_001
    private static let other: UInt32 = 1_900_000_002
    private let scratch: Scratch

    init() throws {
        scratch = try Scratch()
    }

    private func scan(excluding: [String] = []) throws -> OwnershipScan {
        OwnershipScan(
            places: [try OwnershipScan.place(scratch.path)], range: 1_879_048_192...2_147_352_575, excluding: excluding)
    }

    private func directory(_ name: String, uid: UInt32, gid: UInt32? = nil, mode: UInt32 = 0o755) throws {
        try Files.makeDirectory("\(scratch.path)/\(name)", mode: mode, uid: uid, gid: gid ?? uid)
    }

    private func own(_ name: String, _ uid: UInt32, _ gid: UInt32) {
        // The path is a NUL-terminated copy that lives for the call.
        #expect(unsafe lchown("\(scratch.path)/\(name)", uid, gid) == 0)
    }

    private func link(_ name: String, to target: String) {
        // Both are NUL-terminated copies that live for the call.
        #expect(unsafe symlink(target, "\(scratch.path)/\(name)") == 0)
    }

    private func found(_ scan: OwnershipScan) -> (entries: [OwnedEntry], outcome: OwnershipScan.Outcome) {
        var entries: [OwnedEntry] = []
        let outcome = scan.run { entry in
            entries.append(entry)
            return .leave
        }
        return (entries.sorted { $0.path < $1.path }, outcome)
    }

    @Test func everyKindOfEntryOfTheRangeIsFoundByOwnerOrGroupAndNothingElse() throws {
        try directory("shared", uid: 0)
        _ = try scratch.file("shared/file", "x", uid: Self.uid)
        _ = try scratch.file("shared/of-root", "x")
        _ = try scratch.file("shared/by-group", "x")
        own("shared/by-group", 0, Self.other)
        link("shared/link", to: "/etc/passwd")
        own("shared/link", Self.uid, Self.uid)
        try directory("shared/deep", uid: Self.uid)
        _ = try scratch.file("shared/deep/er", "x", uid: Self.uid)
        // A link to a directory is not followed.
        link("elsewhere", to: "shared")
        let (entries, outcome) = found(try scan())
        #expect(outcome.isComplete && outcome.problems.isEmpty && outcome.entries == 8)
        #expect(
            entries.map { String($0.path.dropFirst(scratch.path.count)) } == [
                "/shared/by-group", "/shared/deep", "/shared/deep/er", "/shared/file", "/shared/link",
            ])
        #expect(entries.map(\.kind) == ["file", "directory", "file", "file", "link"])
        #expect(entries.map(\.gid) == [Self.other, Self.uid, 0, 0, Self.uid])
    }

    @Test func anotherMountAndAnExcludedDirectoryAreNotEntered() throws {
        try directory("mount", uid: 0)
        try Mounts.mountTmpfs("\(scratch.path)/mount", TmpfsOptions(sizeBytes: 1 << 20, uid: 0, gid: 0))
        _ = try scratch.file("mount/file", "x", uid: Self.uid)
        try directory("excluded", uid: 0)
        _ = try scratch.file("excluded/file", "x", uid: Self.uid)
        let (entries, outcome) = found(try scan(excluding: ["\(scratch.path)/excluded"]))
        #expect(entries.isEmpty && outcome.isComplete)
        let inside = OwnershipScan(
            places: [try OwnershipScan.place("\(scratch.path)/mount")], range: 1_879_048_192...2_147_352_575)
        #expect(found(inside).entries.map(\.uid) == [Self.uid])
    }

    @Test func whatIsGivenHasTheNewOwnerAndNoSetIDBitAndLinksAreNotFollowed() throws {
        let target = try scratch.file("target", "x")
        _ = try scratch.file("program", "x", mode: 0o6755, uid: Self.uid)
        own("program", Self.uid, Self.uid)
        #expect(unsafe chmod("\(scratch.path)/program", 0o6755) == 0)
        link("link", to: target)
        own("link", Self.uid, 0)
        _ = try scratch.file("group", "x")
        own("group", 0, Self.uid)
        _ = try scratch.file("others", "x", uid: Self.other)
        var given: [String] = []
        let outcome = try scan().run({ entry in
            entry.uid == Self.other ? .leave : .give(from: Self.uid, uid: 1, gid: 2)
        }) { entry, failure in
            #expect(failure == nil)
            given.append(entry.path)
        }
        #expect(outcome.isComplete && given.count == 3)
        let program = try #require(try Files.status("\(scratch.path)/program"))
        #expect((program.uid, program.gid, program.mode) == (1, 2, 0o755))
        let group = try #require(try Files.status("\(scratch.path)/group"))
        #expect((group.uid, group.gid) == (0, 2))
        #expect(try Files.status("\(scratch.path)/link")?.uid == 1)
        #expect(try Files.status(target)?.uid == 0)
        #expect(found(try scan()).entries.map(\.uid) == [Self.other])
    }

    @Test func whatIsRemovedIsGoneWithItsDirectoriesAndWhatOthersHaveInThemStays() throws {
        try directory("tree", uid: Self.uid)
        try directory("tree/below", uid: Self.uid)
        _ = try scratch.file("tree/below/file", "x", uid: Self.uid)
        try directory("held", uid: Self.uid)
        _ = try scratch.file("held/of-root", "x")
        _ = try scratch.file("by-group", "x")
        own("by-group", 0, Self.uid)
        var failures: [String] = []
        let outcome = try scan().run({ _ in .remove(Self.uid) }) { entry, failure in
            if failure != nil { failures.append(entry.path) }
        }
        #expect(outcome.isComplete)
        #expect(try Files.status("\(scratch.path)/tree") == nil)
        #expect(try Files.status("\(scratch.path)/held/of-root")?.uid == 0)
        #expect(failures == ["\(scratch.path)/held"])
        let group = try #require(try Files.status("\(scratch.path)/by-group"))
        #expect((group.uid, group.gid) == (0, 0))
    }

    @Test func immutableAndAppendOnlyFilesOfTheUidAreRemovedAndThoseOfOthersStay() throws {
        try directory("tree", uid: Self.uid)
        try directory("tree/below", uid: Self.uid)
        for name in ["tree/below/fixed", "tree/log"] { _ = try scratch.file(name, "x", uid: Self.uid) }
        try directory("others", uid: Self.other)
        _ = try scratch.file("others/file", "x", uid: Self.uid)
        try change(["+a", "tree/log"], ["+i", "tree/below/fixed", "tree/below", "tree", "others"])
        defer { try? change(["-i", "others"]) }
        var failures: [String] = []
        let outcome = try scan().run({ $0.uid == Self.uid ? .remove(Self.uid) : .leave }) { entry, failure in
            if failure != nil { failures.append(entry.path) }
        }
        #expect(outcome.isComplete)
        #expect(try Files.status("\(scratch.path)/tree") == nil)
        #expect(failures == ["\(scratch.path)/others/file"])
    }

    /// chattr(1), each time with a mode and names.
    private func change(_ calls: [String]...) throws {
        for call in calls {
            let result = try Subprocess.run(
                "/usr/bin/chattr", [call[0]] + call.dropFirst().map { "\(scratch.path)/\($0)" },
                deadline: .after(milliseconds: 10_000))
            try #require(result.exitStatus == 0, "\(String(decoding: result.errorOutput, as: UTF8.self))")
        }
    }

    @Test func whatIsNestedTooDeepIsToldAndTheScanIsNotComplete() throws {
        // Names of one letter, so that the path stays below the kernel's limit.
        let deep = scratch.path + String(repeating: "/d", count: 600)
        try FileManager.default.createDirectory(atPath: deep, withIntermediateDirectories: true)
        _ = try scratch.file("after", "x", uid: Self.uid)
        let (entries, outcome) = found(try scan())
        #expect(entries.count == 1 && !outcome.isComplete)
        #expect(outcome.problems.count == 1 && outcome.problems[0].contains("nested deeper"))
    }

    @Test func aCancelledScanIsNotComplete() throws {
        let scan = try scan()
        scan.cancel()
        for number in 0..<300 { _ = try scratch.file("f\(number)", "x", uid: Self.uid) }
        #expect(!found(scan).outcome.isComplete)
    }

    @Test func aPaceIsKept() throws {
        for number in 0..<512 { _ = try scratch.file("f\(number)", "x") }
        let slow = OwnershipScan(
            places: [try OwnershipScan.place(scratch.path)], range: 1_879_048_192...2_147_352_575,
            entriesPerSecond: 2000)
        let start = SystemClock.monotonicNanoseconds()
        #expect(found(slow).outcome.entries == 512)
        // A lower bound: no machine is too slow for it.
        #expect(SystemClock.monotonicNanoseconds() - start >= 120_000_000)
    }
}

@Suite struct ForeignProcessTests {
    @Test func aProcessIsFoundByItsUIDAndByItsLoginUID() throws {
        let (uid, login): (UInt32, UInt32) = (1_900_000_003, 1_900_000_004)
        let first = try Helper("/usr/bin/setpriv", ["--reuid", "\(uid)", "--clear-groups", "sleep", "30"])
        let second = try Helper(shell: "echo \(login) >/proc/self/loginuid; exec sleep 30")
        let range: ClosedRange<UInt32> = 1_900_000_003...1_900_000_004
        let deadline = Deadline.after(milliseconds: 10_000)
        var found: [UInt32: [Int32]] = [:]
        repeat {
            found = try ProcessScan.holders(of: range)
        } while found.count < 2 && !deadline.hasPassed
        #expect(found == [uid: [first.pid], login: [second.pid]])
    }
}
