import Foundation
import Glibc
import Testing

@testable import UsherSystem

@Suite("Telling the service manager")
struct ServiceManagerTests {
    @Test("a notification arrives whole", arguments: ["path", "abstract"])
    func notify(kind: String) throws {
        let scratch = try Scratch()
        let address = kind == "path" ? "\(scratch.path)/notify" : "@usher-test-\(scratch.path)"
        let python = kind == "path" ? address : "\\0" + address.dropFirst()
        let script = """
            import socket
            s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind("\(python)"); open("\(scratch.path)/up", "w")
            open("\(scratch.path)/heard", "wb").write(s.recv(4096))
            """
        let helper = try Helper("/usr/bin/python3", ["-c", script])
        try eventually("it listens") { try Files.status("\(scratch.path)/up") != nil }
        #expect(try ServiceManager.notify("READY=1\nSTATUS=ready", socketPath: address))
        #expect(helper.reap() == 0)
        let heard = try Files.read("\(scratch.path)/heard", limit: 100, rules: FileRules(forbiddenMode: 0))
        #expect(heard == Array("READY=1\nSTATUS=ready".utf8))
    }

    @Test("a manager that is gone is an error")
    func gone() {
        #expect(throws: SystemError("notify service manager", errno: ENOENT)) {
            try ServiceManager.notify("READY=1", socketPath: "/no/such/socket")
        }
    }
}
