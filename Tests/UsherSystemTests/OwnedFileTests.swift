import Foundation
import Glibc
import Testing

@testable import UsherSystem

/// A shared directory as /tmp is one, and what a session may leave there.
private struct SharedScratch {
    let scratch: Scratch
    let uid: UInt32
    let place: Place

    init() throws {
        scratch = try Scratch()
        uid = try freshUID()
        place = Place(scratch.path + "/shared")
        try shell("mkdir shared && chmod 1777 shared")
    }

    /// Runs a script in the scratch directory as root; `$U` is the uid, `$S` the shared directory.
    func shell(_ script: String) throws {
        let result = try Subprocess.run(
            "/bin/bash", ["-euc", "cd \(scratch.path); U=\(uid); S=\(scratch.path)/shared; \(script)"],
            deadline: .after(milliseconds: 60_000))
        guard result.exitStatus == 0 else {
            throw SystemError("prepare", refused: String(decoding: result.errorOutput, as: UTF8.self))
        }
    }

    /// Runs a script as the uid.
    func asUser(_ script: String) throws {
        try shell("cd $S; setpriv --reuid=$U --regid=$U --clear-groups bash -euc '\(script)'")
    }

    func isFound() throws -> Bool { try OwnerSearches().owners(in: place, among: [uid, uid + 1]).contains(uid) }

    @discardableResult
    func remove(namesAtOnce: Int = 100) throws -> OwnedFileRemoval {
        let removal = try #require(try OwnedFileRemoval(of: uid, in: place))
        var turns = 0
        while try !removal.proceed(names: namesAtOnce) {
            turns += 1
            guard turns < 1_000_000 else { throw TimedOut(description: "the removal does not end") }
        }
        return removal
    }

    var names: [String] { get throws { try Files.list(place.path) } }
}

@Suite("Files that a session left")
struct OwnedFileTests {
    private let shared: SharedScratch

    init() throws { shared = try SharedScratch() }

    private var path: String { shared.place.path }

    @Test("what the uid owns goes, of every type; what others own stays")
    func owners() throws {
        try shared.asUser(
            """
            touch file; mkdir -p dir/a/b/c; touch dir/a/b/c/file dir/.hidden; ln -s /etc/shadow link; mkfifo fifo
            touch "$(printf "n\\303\\244me\\377\\n")"
            """)
        try shared.shell("touch $S/other; mkdir $S/others; touch $S/others/file; touch kept; ln -s $S/file $S/rootlink")
        #expect(try shared.isFound())
        let removal = try shared.remove()
        #expect(try shared.names == ["other", "others", "rootlink"])
        #expect(removal.left.isEmpty)
        #expect(removal.removed.contains(Residue(kind: "directory", what: "\(path)/dir", count: 6)))
        #expect(removal.removed.contains(Residue(kind: "file", what: "\(path)/file")))
        #expect(removal.removed.allSatisfy { !$0.what.contains("\n") })
        #expect(removal.removedCount == 10)
        #expect(try !shared.isFound())
    }

    @Test("nothing of the uid: nothing is found, and a removal touches nothing")
    func nothing() throws {
        try shared.shell("touch $S/other")
        #expect(try !shared.isFound())
        #expect(try shared.remove().removed.isEmpty)
        #expect(try shared.names == ["other"])
        #expect(try OwnedFileRemoval(of: shared.uid, in: Place("/nonexistent")) == nil)
        #expect(try OwnerSearches().owners(in: Place("/nonexistent"), among: [shared.uid]).isEmpty)
    }

    @Test("a place that is a link is not looked into")
    func linkedPlace() throws {
        try shared.asUser("touch file")
        try shared.shell("ln -s shared link")
        #expect(try OwnerSearches().owners(in: Place(shared.scratch.path + "/link"), among: [shared.uid]).isEmpty)
        #expect(try OwnedFileRemoval(of: shared.uid, in: Place(shared.scratch.path + "/link")) == nil)
    }

    @Test("links to directories of others are removed, not followed")
    func links() throws {
        try shared.shell("mkdir victim; touch victim/file; chown $U victim/file")
        try shared.asUser("ln -s ../victim link; mkdir dir; ln -s ../../victim dir/link; ln -s .. dir/up")
        try shared.remove()
        #expect(try shared.names.isEmpty)
        #expect(try Files.list(shared.scratch.path + "/victim") == ["file"])
    }

    @Test("immutable and append-only files and directories go")
    func flags() throws {
        try shared.asUser("touch still log; mkdir dir dir/fixed; touch dir/fixed/a")
        try shared.shell(
            "chattr +i $S/still; chattr +a $S/log; chattr +i $S/dir/fixed/a; chattr +i $S/dir/fixed $S/dir")
        let removal = try shared.remove()
        #expect(removal.left.isEmpty)
        #expect(try shared.names.isEmpty)
    }

    @Test("an immutable file of somebody else is not touched, whatever name it has here")
    func foreignFlags() throws {
        try shared.shell("touch kept; mkdir $S/dir; ln kept $S/dir/kept; chattr +i kept; chown $U $S/dir")
        defer { try? shared.shell("chattr -i kept") }
        let removal = try shared.remove()
        #expect(removal.left.map(\.kind) == ["file", "directory"])
        try shared.shell("lsattr kept | grep -q -- i-")
    }

    @Test("a hard link to a file of somebody else goes, the file stays; its last name stays")
    func hardLinks() throws {
        try shared.shell(
            """
            echo secret > kept; mkdir $S/dir; ln kept $S/dir/name; ln kept $S/outside; touch $S/dir/only
            chown $U $S/dir
            """)
        let removal = try shared.remove()
        #expect(try shared.names == ["dir", "outside"])
        #expect(try Files.list(path + "/dir") == ["only"])
        #expect(removal.left.map(\.kind) == ["foreign-file", "directory"])
        #expect(removal.left.first?.what == "\(path)/dir/only (belongs to uid 0)")
        #expect(try Files.status(shared.scratch.path + "/kept")?.uid == 0)
    }

    @Test("a file of the uid that has other names loses this one only")
    func ownHardLink() throws {
        try shared.asUser("touch file")
        try shared.shell("ln $S/file elsewhere")
        try shared.remove()
        #expect(try shared.names.isEmpty)
        #expect(try Files.status(shared.scratch.path + "/elsewhere") != nil)
    }

    @Test("directories of others inside its own: empty ones go, full ones stay and are told")
    func foreignDirectories() throws {
        try shared.asUser("mkdir dir; touch dir/own")
        try shared.shell("mkdir $S/dir/empty $S/dir/full; touch $S/dir/full/file; chown $U $S/dir/full/file")
        let removal = try shared.remove()
        #expect(try Files.list(path + "/dir") == ["full"])
        #expect(removal.left.map(\.kind) == ["foreign-directory", "directory"])
    }

    @Test("what it left in directories that everybody may write is found, also some levels down")
    func sharedBelow() throws {
        try shared.shell("mkdir -p $S/.X11-unix/a; chmod 1777 $S/.X11-unix $S/.X11-unix/a; mkdir $S/closed")
        try shared.asUser("touch .X11-unix/a/X7")
        #expect(try shared.isFound())
        let removal = try shared.remove()
        #expect(removal.removed == [Residue(kind: "file", what: "\(path)/.X11-unix/a/X7")])
        #expect(try shared.names == [".X11-unix", "closed"])
    }

    @Test("a tree deeper than descriptors and paths reach goes, and takes few descriptors")
    func depth() throws {
        let script = "import os\nfor i in range(2000): os.mkdir(\"d\"); open(\"f\", \"w\").close(); os.chdir(\"d\")"
        try shared.asUser("/usr/bin/python3 -c \"\(script.replacingOccurrences(of: "\"", with: "\\\""))\"")
        let open = try Files.list("/proc/self/fd").count
        let removal = try #require(try OwnedFileRemoval(of: shared.uid, in: shared.place))
        while try !removal.proceed(names: 50) { #expect(try Files.list("/proc/self/fd").count < open + 150) }
        #expect(try shared.names.isEmpty)
        #expect(removal.left.isEmpty)
        #expect(removal.removedCount == 4000)
    }

    @Test("many sparse files go in turns, and are told by their number")
    func many() throws {
        try shared.asUser("mkdir many; cd many; seq 20000 | xargs touch; truncate -s 1T 1 2 3 || truncate -s 1G 1 2 3")
        let removal = try shared.remove(namesAtOnce: 2000)
        #expect(removal.removed == [Residue(kind: "directory", what: "\(path)/many", count: 20001)])
        #expect(try shared.names.isEmpty)
    }

    @Test("set-id programs go first and nobody else comes to those in a directory")
    func setIDFirst() throws {
        try shared.asUser("mkdir -p open/deep; cp /bin/true open/deep/tool; chmod 4755 open/deep/tool; chmod 777 open")
        try shared.asUser("cp /bin/true tool; chmod 4755 tool")
        let removal = try #require(try OwnedFileRemoval(of: shared.uid, in: shared.place))
        // `.` and `..`, the program, the directory: in whatever order, they are seen before anything below.
        #expect(try !removal.proceed(names: 5))
        #expect(try shared.names == ["open"])
        #expect(try Files.status(path + "/open")?.mode == 0o700)
        while try !removal.proceed(names: 5) {}
        #expect(removal.removed.contains(Residue(kind: "set-id-file", what: "\(path)/tool")))
        #expect(try shared.names.isEmpty)
    }

    @Test("while others exchange directories for links, nothing outside is lost")
    func races() throws {
        try shared.shell("mkdir victim; for i in {1..200}; do touch victim/$i; done; chown $U victim/*")
        try shared.asUser("for i in {1..60}; do mkdir -p d$i/x; touch d$i/x/{1..20}; done")
        let script = """
            import os, sys
            os.chdir(sys.argv[1])
            os.setresgid(*[int(sys.argv[2])] * 3)
            os.setresuid(*[int(sys.argv[2])] * 3)
            while True:
                for i in range(1, 61):
                    try:
                        os.rename(f"d{i}/x", f"d{i}/y"); os.symlink("../../victim", f"d{i}/x")
                        os.unlink(f"d{i}/x"); os.rename(f"d{i}/y", f"d{i}/x")
                    except OSError: pass
            """
        let racer = try Helper("/usr/bin/python3", ["-c", script, path, "\(shared.uid)"])
        try racer.becomes("python3")
        usleep(200_000)
        try shared.remove()
        kill(racer.pid, SIGKILL)
        racer.reap()
        try shared.remove()
        #expect(try shared.names.isEmpty)
        #expect(try Files.list(shared.scratch.path + "/victim").count == 200)
    }

    @Test("a mount in its directory that root made is told, not entered")
    func rootMount() throws {
        try shared.asUser("mkdir dir dir/mount; touch dir/file")
        try Mounts.mountTmpfs(path + "/dir/mount", TmpfsOptions(sizeBytes: 65536, uid: shared.uid, gid: 0))
        try shared.shell("touch $S/dir/mount/inside; chown $U $S/dir/mount/inside")
        let removal = try shared.remove()
        #expect(removal.left.map(\.kind) == ["mount", "directory"])
        #expect(try Files.list(path + "/dir/mount") == ["inside"])
        try Mounts.unmount(path + "/dir/mount")
        try shared.remove()
        #expect(try shared.names.isEmpty)
    }

    @Test("a FUSE mount of the uid whose server is dead goes")
    func deadFUSE() throws {
        try shared.asUser("mkdir mount")
        let script = """
            import ctypes, os, sys
            device = os.open("/dev/fuse", os.O_RDWR)
            options = f"fd={device},rootmode=40000,user_id={sys.argv[2]},group_id=0".encode()
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.mount(b"test", sys.argv[1].encode(), b"fuse.test", 0, options) != 0:
                sys.exit(os.strerror(ctypes.get_errno()))
            """
        let result = try Subprocess.run(
            "/usr/bin/python3", ["-c", script, path + "/mount", "\(shared.uid)"],
            deadline: .after(milliseconds: 10_000))
        try #require(result.exitStatus == 0, "\(String(decoding: result.errorOutput, as: UTF8.self))")
        #expect(try shared.isFound())
        let removal = try shared.remove()
        #expect(removal.left.isEmpty)
        #expect(removal.removed.map(\.kind) == ["mount", "directory"])
        #expect(try shared.names.isEmpty)
    }

    @Test("the account's own line in a daemon's directory goes by its name, whoever owns it")
    func named() throws {
        try shared.shell("echo x > plain; echo y > fixed; chattr +i fixed; ln -s plain link; mkdir directory")
        let file = { (name: String) in "\(shared.scratch.path)/\(name)" }
        #expect(try NamedFile.remove(file("fixed")) == .removed)
        #expect(try NamedFile.remove(file("link")) == .removed)
        #expect(try Files.status(file("plain")) != nil)
        #expect(try NamedFile.remove(file("plain")) == .removed)
        #expect(try NamedFile.remove(file("plain")) == .absent)
        #expect(try NamedFile.remove(file("nowhere/plain")) == .absent)
        #expect(try NamedFile.remove(file("directory")) == .left("Is a directory"))
    }
}
