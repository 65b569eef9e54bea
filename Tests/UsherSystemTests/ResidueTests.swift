import Foundation
import Glibc
import Synchronization
import Testing

@testable import UsherSystem

@Suite("Objects of a uid that are no files")
struct ResidueTests {
    private func python(_ script: String, as uid: UInt32) throws {
        let result = try Subprocess.run(
            "/usr/bin/setpriv",
            [
                "--reuid=\(uid)", "--regid=\(uid)", "--clear-groups", "/usr/bin/python3", "-c",
                "import ctypes\nlibc = ctypes.CDLL(None)\n" + script,
            ],
            deadline: .after(milliseconds: 20_000))
        try #require(result.exitStatus == 0, "\(String(decoding: result.errorOutput, as: UTF8.self))")
    }

    @Test("System V objects are found by owner and creator and removed")
    func systemV() throws {
        let uid = try freshUID()
        try python("assert libc.shmget(0, 4096, 0o1600) >= 0\nassert libc.semget(0, 2, 0o1600) >= 0", as: uid)
        try python("assert libc.msgget(0, 0o1600) >= 0", as: uid)
        let mine = { try SystemVObject.all().filter { $0.belongs(to: uid) } }
        #expect(try mine().map(\.kind) == [.sharedMemory, .semaphore, .messageQueue])
        for object in try mine() { #expect(try object.remove()) }
        #expect(try mine().isEmpty)
        let gone = SystemVObject(kind: .semaphore, id: .max, owner: uid, creator: uid)
        #expect(try !gone.remove())
    }

    @Test("the tables are read by the names of their columns; another form is refused")
    func tables() {
        let text = "       key      msqid perms cbytes qnum lspid lrpid   uid   gid  cuid  cgid  stime\n"
        let row = "         7         12   600      0    0     0     0  1001     0  4294967294     0      0\n"
        #expect(
            SystemVObject.parse(Array((text + row).utf8), .messageQueue) == [
                SystemVObject(kind: .messageQueue, id: 12, owner: 1001, creator: 4_294_967_294)
            ])
        #expect(SystemVObject.parse(Array(text.utf8), .messageQueue) == [])
        #expect(SystemVObject.parse(Array(text.utf8), .semaphore) == nil)
        #expect(SystemVObject.parse(Array((text + "1 2 3\n").utf8), .messageQueue) == nil)
        #expect(SystemVObject.parse([], .messageQueue) == nil)
    }

    @Test("POSIX message queues are found and removed where nobody has mounted them")
    func messageQueues() throws {
        let uid = try freshUID()
        try python("assert libc.mq_open(b'/usher-\(uid)', 0o102, 0o600, None) >= 0", as: uid)
        guard let queues = try MessageQueues() else { throw TimedOut(description: "no message queues here") }
        #expect(try queues.owners(among: [uid, uid + 1]) == [uid])
        let removal = try queues.removal(of: uid)
        #expect(try removal.proceed(names: .max))
        #expect(removal.removed == [Residue(kind: "posix-message-queue", what: "mqueue:/usher-\(uid)")])
        #expect(try queues.owners(among: [uid]).isEmpty)
    }

    @Test("keys of a uid are found, cannot be found afterwards, and its keyrings go")
    func keyrings() throws {
        let uid = try freshUID()
        let key = "libc.syscall(248, b'user', b'left', b'secret', 6, %d)"
        try python("assert \(key.replacingOccurrences(of: "%d", with: "-4")) > 0", as: uid)
        try python("assert \(key.replacingOccurrences(of: "%d", with: "-5")) > 0", as: uid)
        try python("assert libc.syscall(250, 22, -1, -4) > 0, ctypes.get_errno()", as: uid)
        #expect(try Keyrings.users().contains(uid))
        try Keyrings.discard(of: uid)
        try eventually("the kernel has collected the keyrings") { try !Keyrings.users().contains(uid) }
        // KEYCTL_SEARCH in the user keyring.
        try python("assert libc.syscall(250, 10, -4, b'user', b'left', 0) < 0", as: uid)
        #expect(CurrentProcess.effectiveUserID == 0)
    }

    @Test("lines of key-users")
    func keyUsers() {
        let text = """
                0:    12 11/11 8/1000000 152/25000000
             1001:     2 2/2 2/200 20/20000
             1002:     1 0/0 0/200 0/20000
            ?
            """
        #expect(Keyrings.users(Array(text.utf8)) == [0, 1001])
    }

    @Test("those who kill for two uids at once do not kill each other")
    func killersAtOnce() async throws {
        let uids = try (0..<4).map { _ in try freshUID() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for uid in uids {
                group.addTask {
                    for _ in 0..<300 { try ProcessScan.killAll(of: uid) }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test("all processes of a uid die at once, also those that fork")
    func killAll() throws {
        let uid = try freshUID()
        let bomb = try Helper(
            "/usr/bin/setpriv",
            [
                "--reuid=\(uid)", "--regid=\(uid)", "--clear-groups", "/usr/bin/python3", "-c",
                """
                import os, resource, time
                resource.setrlimit(resource.RLIMIT_NPROC, (40, 40))
                while True:
                    try: os.fork()
                    except OSError: time.sleep(0.001)
                """,
            ])
        let found = { try ProcessScan.find(matching: [SessionMatch(uid: uid)])[0] }
        try eventually("many processes") { try found().count > 20 }
        try ProcessScan.killAll(of: uid)
        try eventually("none") { try found().isEmpty }
        usleep(50_000)
        #expect(try found().isEmpty)
        bomb.reap()
        #expect(failure { () throws(SystemError) in try ProcessScan.killAll(of: 0) }?.isUnacceptable == true)
        try ProcessScan.killAll(of: uid)
    }

    @Test("processes of the uid that stop whatever they may do not stop the killing")
    func killAllOfStoppers() throws {
        let uid = try freshUID()
        let rounds = 150
        let done = Mutex(0)
        // Of its own, because the killing would hang in it.
        Thread.detachNewThread {
            for _ in 0..<rounds {
                guard
                    let stopper = try? Helper(
                        "/usr/bin/setpriv",
                        [
                            "--reuid=\(uid)", "--regid=\(uid)", "--clear-groups", "/bin/sh", "-c",
                            "while :; do kill -STOP -1; done 2>/dev/null",
                        ]), (try? stopper.becomes("sh")) != nil, (try? ProcessScan.killAll(of: uid)) != nil
                else { return }
                stopper.reap()
                done.withLock { $0 += 1 }
            }
        }
        var stopped: Set<Int32> = []
        try eventually("\(rounds) rounds", milliseconds: 60_000) {
            for pid in try Processes.descendants(getpid()) {
                // Not of another test, which stops its own.
                guard let stat = try? Processes.stat(pid), stat.state == UInt8(ascii: "T"),
                    (try? Processes.status(pid).effectiveUID) == uid
                else { continue }
                stopped.insert(pid)
                kill(pid, SIGCONT)
            }
            return done.withLock { $0 } == rounds
        }
        #expect(stopped.isEmpty)
    }

    @Test("sockets are found by their uid, but not what only the kernel still finishes")
    func sockets() {
        let head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
        let line = { (state: String, uid: Int) in
            "   0: 0100007F:1F90 00000000:0000 \(state) 00000000:00000000 00:00000000 00000000  \(uid)        0 1234 1\n"
        }
        let text = head + line("0A", 1001) + line("06", 1001) + line("01", 1002) + "garbage\n"
        #expect(
            OpenSocket.parse(Array(text.utf8), network: "tcp6") == [
                OpenSocket(network: "tcp6", port: 8080, uid: 1001), OpenSocket(network: "tcp6", port: 8080, uid: 1002),
            ])
        #expect(OpenSocket.parse(Array((head + line("07", 7)).utf8), network: "udp").count == 1)
        #expect(OpenSocket.parse([], network: "udp").isEmpty)
    }

    @Test("a listening socket of a uid is found")
    func listening() throws {
        let uid = try freshUID()
        let helper = try Helper(
            "/usr/bin/setpriv",
            [
                "--reuid=\(uid)", "--regid=\(uid)", "--clear-groups", "/usr/bin/python3", "-c",
                "import socket,time; s=socket.socket(); s.bind(('127.0.0.1',0)); s.listen(); time.sleep(60)",
            ])
        try eventually("found") { try OpenSocket.of([uid]).map(\.network) == ["tcp"] }
        kill(helper.pid, SIGKILL)
        helper.reap()
        try eventually("gone") { try OpenSocket.of([uid]).isEmpty }
    }

    @Test("a mount is the uid's own only if FUSE says so")
    func ownMounts() {
        let line = "36 35 0:51 / /tmp/m rw,nosuid - fuse.sshfs host:/ rw,user_id=1001,group_id=0"
        let user = { (line: String) in Mounts.user(ofFUSE: Array(line.utf8).split(separator: 0x20)) }
        #expect(user(line) == 1001)
        #expect(user(line.replacingOccurrences(of: "fuse.sshfs", with: "tmpfs")) == nil)
        #expect(user(line.replacingOccurrences(of: "user_id", with: "group_id")) == nil)
        #expect(user("36") == nil)
    }

    @Test("a tally names the first and counts the rest, and its words steer no terminal")
    func tally() {
        var tally = ResidueTally()
        for number in 0..<30 { tally.add("file", "/tmp/\(number)", count: 2) }
        tally.add("file", "/tmp/3", count: 2)
        tally.add("port", "evil\u{1B}[2J\n\u{202E}txt")
        #expect(tally.list.count == ResidueTally.named + 2)
        #expect(tally.list[ResidueTally.named] == Residue(kind: "port", what: "evil?[2J?txt"))
        #expect(tally.list.last == Residue(kind: "file", what: "others", count: 12))
        let long = ResidueTally.printable([UInt8](repeating: 0xC3, count: 1000))
        #expect(long.utf8.count <= 256 && long.hasSuffix("…"))
    }
}
