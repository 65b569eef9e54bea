import Foundation
import Glibc
import Testing
import UsherSystem

@Suite("AF_UNIX sockets")
struct SocketTests {
    let scratch: Scratch
    let path: String

    init() throws {
        scratch = try Scratch()
        path = scratch.path + "/socket"
    }

    private func accept(_ listener: borrowing OwnedDescriptor) throws -> OwnedDescriptor {
        let descriptor = Glibc.accept(listener.rawValue, nil, nil)
        try #require(descriptor >= 0)
        return OwnedDescriptor(owning: descriptor)
    }

    private func soon() -> Deadline { .after(milliseconds: 200) }

    /// What `receiveFrame` makes of bytes that a peer sends before it closes.
    private func received(_ bytes: [UInt8], limit: Int = 100, close: Bool = true) throws -> Result<[UInt8], SystemError>
    {
        let listener = try UnixSocket.listen(path, mode: 0o600)
        let client = try UnixSocket.connect(path, deadline: soon())
        let server = try accept(listener)
        try UnixSocket.send(client, bytes, deadline: soon())
        if close { shutdown(client.rawValue, Int32(SHUT_WR)) }
        do throws(SystemError) {
            return .success(try UnixSocket.receiveFrame(server, limit: limit, deadline: soon()))
        } catch {
            return .failure(error)
        }
    }

    @Test("the socket file has its mode and owner, and no umask changes it")
    func modeAndOwner() throws {
        let listener = try UnixSocket.listen(path, mode: 0o660, uid: 12, gid: 34)
        let status = try #require(try Files.status(path))
        #expect((status.kind, status.mode, status.uid, status.gid) == (.socket, 0o660, 12, 34))
        #expect(fcntl(listener.rawValue, F_GETFD) == FD_CLOEXEC)
    }

    @Test("a socket that an earlier run left is replaced, a file is not")
    func stale() throws {
        do { _ = try UnixSocket.listen(path, mode: 0o600) }
        _ = try UnixSocket.listen(path, mode: 0o600)
        let file = try scratch.file("file", "kept")
        #expect(failure { () throws(SystemError) in _ = try UnixSocket.listen(file, mode: 0o600) } != nil)
        #expect(try Files.read(file, limit: 10, rules: .rootOnly) == Array("kept".utf8))
    }

    @Test("a path that does not fit the address is refused")
    func longPath() throws {
        let long = scratch.path + "/" + String(repeating: "x", count: 108)
        #expect(
            failure { () throws(SystemError) in _ = try UnixSocket.listen(long, mode: 0o600) }?.message
                == "not a socket address")
        #expect(
            failure { () throws(SystemError) in _ = try UnixSocket.connect("", deadline: .after(milliseconds: 1)) }
                != nil)
    }

    @Test("a frame arrives without its NUL, also in pieces")
    func frame() throws {
        #expect(try received([1, 2, 3, 0]).get() == [1, 2, 3])
        #expect(try received([0]).get() == [])
        let listener = try UnixSocket.listen(path, mode: 0o600)
        let client = try UnixSocket.connect(path, deadline: soon())
        let server = try accept(listener)
        let sending = client.rawValue
        let sender = Thread {
            for byte in [UInt8](repeating: 7, count: 50) + [0] {
                var one = byte
                _ = unsafe send(sending, &one, 1, 0)
                usleep(1000)
            }
        }
        sender.start()
        let frame = try UnixSocket.receiveFrame(server, limit: 51, deadline: .after(milliseconds: 5000))
        #expect(frame == [UInt8](repeating: 7, count: 50))
        while !sender.isFinished { usleep(1000) }
    }

    @Test("a frame as long as the limit is received, a longer one is refused")
    func limit() throws {
        let bytes = [UInt8](repeating: 1, count: 99)
        #expect(try received(bytes + [0]).get() == bytes)
        #expect(throws: SystemError("receive", errno: EMSGSIZE)) { try received(bytes + [1, 0]).get() }
        let long = [UInt8](repeating: 1, count: 60_000)
        #expect(throws: SystemError("receive", errno: EMSGSIZE)) { try received(long).get() }
    }

    @Test("a second frame, silence and an early end are refused, each as what it is")
    func badFrames() throws {
        #expect(throws: SystemError("receive", refused: "more than one frame")) { try received([1, 0, 2, 0]).get() }
        #expect(throws: SystemError("receive", refused: "more than one frame")) { try received([1, 0, 2]).get() }
        #expect(throws: SystemError("receive", errno: ECONNRESET)) { try received([1, 2]).get() }
        #expect(throws: SystemError("receive", errno: ECONNRESET)) { try received([]).get() }
        #expect(throws: SystemError("receive", errno: ETIMEDOUT)) { try received([1, 2], close: false).get() }
    }

    @Test("sending to a peer that does not read ends at the deadline, to one that has gone with EPIPE")
    func stuckPeer() throws {
        let listener = try UnixSocket.listen(path, mode: 0o600)
        let client = try UnixSocket.connect(path, deadline: soon())
        let much = [UInt8](repeating: 1, count: 4_000_000)
        do {
            let server = try accept(listener)
            #expect(
                failure { () throws(SystemError) in try UnixSocket.send(client, much, deadline: soon()) }?.isTimeout
                    == true)
            #expect(server.rawValue >= 0)
        }
        // Not soon: a child that another test forks at this moment has the server's end open until it is gone.
        let late = Deadline.after(milliseconds: 20_000)
        #expect(
            failure { () throws(SystemError) in try UnixSocket.send(client, much, deadline: late) }?.errno == EPIPE)
    }

    @Test("connecting ends at the deadline when nobody accepts")
    func fullQueue() throws {
        let listener = try UnixSocket.listen(path, mode: 0o600, backlog: 0)
        var error: SystemError?
        let start = SystemClock.monotonicNanoseconds()
        var open: [Int32] = []
        while error == nil, open.count < 10 {
            do throws(SystemError) {
                open.append(try UnixSocket.connect(path, deadline: soon()).release())
            } catch let caught {
                error = caught
            }
        }
        for descriptor in open { close(descriptor) }
        #expect(error?.isTimeout == true)
        #expect(SystemClock.monotonicNanoseconds() - start < 3_000_000_000)
        #expect(listener.rawValue >= 0)
    }

    @Test("a socket without a listener refuses at once")
    func noListener() throws {
        do { _ = try UnixSocket.listen(path, mode: 0o600) }
        #expect(
            failure { () throws(SystemError) in _ = try UnixSocket.connect(path, deadline: soon()) }?.errno
                == ECONNREFUSED)
    }
}

@Suite("The peer of a connection")
struct PeerTests {
    @Test("pid, uid, gid and groups are the kernel's, and the process is pinned")
    func credentials() throws {
        let scratch = try Scratch()
        let path = scratch.path + "/socket"
        let listener = try UnixSocket.listen(path, mode: 0o666)
        let script = """
            import os, socket, time
            os.setgroups([70, 71] + list(range(1000, 1100)))
            os.setresgid(77, 77, 77); os.setresuid(78, 78, 78)
            s = socket.socket(socket.AF_UNIX); s.connect("\(path)"); time.sleep(60)
            """
        let helper = try Helper("/usr/bin/python3", ["-c", script])
        let descriptor = accept(listener.rawValue, nil, nil)
        defer { close(descriptor) }
        let peer = try PeerCredentials.of(socket: descriptor)
        #expect((peer.pid, peer.uid, peer.gid) == (helper.pid, 78, 77))
        #expect(peer.identity == (try ProcessIdentity.current(helper.pid)))
        let groups = try PeerCredentials.supplementaryGroups(socket: descriptor)
        #expect(Set(groups) == Set([70, 71] + Array(1000..<1100)))
        #expect(try peer.process.isAlive)
        kill(helper.pid, SIGKILL)
        #expect(try peer.process.waitForExit(.after(milliseconds: 5000)))
        #expect(
            failure { () throws(SystemError) in _ = try PeerCredentials.of(socket: descriptor) }?.isNotFound == true)
    }

    @Test("what is not a connection has no peer")
    func notASocket() throws {
        let file = unsafe open("/dev/null", O_RDONLY)
        defer { close(file) }
        #expect(failure { () throws(SystemError) in _ = try PeerCredentials.of(socket: file) }?.errno == ENOTSOCK)
    }
}

@Suite("Accounts of the host")
struct AccountTests {
    @Test("root is found by name and uid")
    func root() throws {
        let user = try #require(try Users.lookup("root"))
        #expect((user.uid, user.gid, user.home) == (0, 0, "/root"))
        #expect(try Users.lookup(uid: 0) == user)
        #expect(try Groups.gid(named: "root") == 0)
    }

    @Test("who does not exist is nil, not an error")
    func nobody() throws {
        #expect(try Users.lookup("no-such-user-here") == nil)
        #expect(try Users.lookup(uid: 2_147_000_001) == nil)
        #expect(try Groups.gid(named: "no-such-group-here") == nil)
        #expect(try Groups.members(named: "no-such-group-here") == nil)
    }

    @Test("the members of a group are those of its line")
    func members() throws {
        let text = try String(contentsOfFile: "/etc/group", encoding: .utf8)
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            let expected = fields[3].split(separator: ",").map(String.init)
            #expect(try Groups.members(named: String(fields[0])) == expected)
            #expect(try Groups.gid(named: String(fields[0])) == UInt32(fields[2]))
        }
    }
}
