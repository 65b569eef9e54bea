import Foundation
import Logging
import NIOCore
import NIOPosix
import Synchronization
import Testing
import UsherSystem
import UsherWire

@testable import UsherAgent

/// Answers with the parameters; `slow` takes a second.
private struct Echo: VarlinkService {
    func refusal(of peer: Peer) -> String? { nil }

    func answer(_ call: VarlinkCall, from peer: Peer) async -> VarlinkReply {
        if call.method.equals("test.slow") { try? await Task.sleep(for: .seconds(1)) }
        return VarlinkReply(parameters: call.parameters)
    }
}

/// A server on a real socket in a directory of its own.
private func withServer(connections: Int = 8, _ body: (String) async throws -> Void) async throws {
    let directory = "/tmp/usher-server-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let path = "\(directory)/socket"
    let socket = try UnixSocket.listen(path, mode: 0o600)
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let server = try await VarlinkServer(
        name: "test", group: group, socket: socket.release(),
        limits: ServerLimits(callBytes: 256, connections: connections, connectionsOfOneUser: 8, silence: 1),
        service: Echo(), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    try await body(path)
    try await server.stop()
    try await group.shutdownGracefully()
}

/// A client that gives up after five seconds.
private final class Connection: Sendable {
    private let socket: OwnedDescriptor
    private let deadline = Deadline.after(milliseconds: 5000)

    init(_ path: String) throws(SystemError) {
        socket = try UnixSocket.connect(path, deadline: deadline)
    }

    func send(_ bytes: [UInt8]) throws(SystemError) {
        try UnixSocket.send(socket, bytes, deadline: deadline)
    }

    func receive() throws(SystemError) -> [UInt8] {
        try UnixSocket.receiveFrame(socket, limit: 4096, deadline: deadline)
    }
}

/// What comes back for the bytes; nil when the server closes instead of answering.
private func exchange(_ path: String, _ bytes: [UInt8]) throws(SystemError) -> [UInt8]? {
    let connection = try Connection(path)
    do {
        try connection.send(bytes)
        return try connection.receive()
    } catch  where !error.isTimeout {
        return nil
    }
}

private func call(_ method: String, _ number: Int) -> [UInt8] {
    VarlinkCall(
        method: Array(method.utf8), parameters: JSONObject(["n": .number(number)])
    ).frame()
}

@Suite struct VarlinkServerTests {
    @Test func answersCallsOneAfterTheOtherOnOneConnection() async throws {
        try await withServer { path in
            let connection = try Connection(path)
            for number in 0..<3 {
                try connection.send(call("test.echo", number))
                let frame = try connection.receive()
                #expect(VarlinkReply.parse(frame.span)?.parameters == JSONObject(["n": .number(number)]))
            }
        }
    }

    @Test(arguments: [
        Array("{}\0".utf8), Array("garbage\0".utf8), [0], Array("{\"method\":\"a\",\"more\":true}\0".utf8),
        [UInt8](repeating: 0x20, count: 257), Array("{\"method\":\"a\",\"method\":\"b\"}\0".utf8), [0xFF, 0xFE, 0],
    ])
    func closesOnWhatIsNotACallAndGoesOnServing(bytes: [UInt8]) async throws {
        try await withServer { path in
            let answer = try exchange(path, bytes)
            #expect(answer == nil)
            let next = try exchange(path, call("test.echo", 1))
            #expect(next != nil)
        }
    }

    @Test func closesAConnectionThatBringsNoWholeCall() async throws {
        try await withServer { path in
            let answer = try exchange(path, Array("{\"method\":".utf8))
            #expect(answer == nil)
        }
    }

    @Test func aConnectionTooManyIsClosedAndAPlaceThatIsGivenBackIsUsed() async throws {
        try await withServer(connections: 1) { path in
            var first: Connection? = try Connection(path)
            try first?.send(call("test.echo", 1))
            let served = try first?.receive()
            #expect(served != nil)
            let refused = try exchange(path, call("test.echo", 2))
            #expect(refused == nil)
            first = nil
            var answer: [UInt8]?
            for _ in 0..<50 where answer == nil {
                try await Task.sleep(for: .milliseconds(20))
                answer = try exchange(path, call("test.echo", 3))
            }
            #expect(answer != nil)
        }
    }

    @Test(.timeLimit(.minutes(1))) func aServerWhoseSocketIsLostSaysSoAndOneThatIsToldToEndDoesNot() async throws {
        let path = "/tmp/usher-server-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let socket = try UnixSocket.listen(path, mode: 0o600).release()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let server = try await VarlinkServer(
            name: "test", group: group, socket: socket,
            limits: ServerLimits(callBytes: 256, connections: 8, connectionsOfOneUser: 8, silence: 1),
            service: Echo(), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let told = Task { try await server.run() }
        told.cancel()
        try await told.value
        let lost = Task { try await server.run() }
        // As NIO does when accept(2) fails in a way that it does not know.
        try await server.stop()
        await #expect(throws: SystemError.self) { try await lost.value }
        try await group.shutdownGracefully()
    }

    @Test func aSlowCallDoesNotHoldUpOtherConnections() async throws {
        try await withServer { path in
            let slow = try Connection(path)
            try slow.send(call("test.slow", 1))
            let order = Mutex<[String]>([])
            async let slowAnswer: Void = Task.detached {
                _ = try slow.receive()
                order.withLock { $0.append("slow") }
            }.value
            _ = try exchange(path, call("test.echo", 2))
            order.withLock { $0.append("quick") }
            try await slowAnswer
            #expect(order.withLock { $0 } == ["quick", "slow"])
        }
    }
}

@Suite struct ParametersTests {
    func parameters(_ text: String) -> Parameters {
        guard case .object(let object)? = try? JSONParser.parse(Array(text.utf8).span) else {
            return Parameters(JSONObject())
        }
        return Parameters(object)
    }

    @Test func aLoginIsExactlyItsFields() throws {
        let login = try Login(parameters(#"{"user":"u-a","service":"sshd","terminal":null,"remoteHost":"::1"}"#))
        #expect(login.user == "u-a" && login.remoteHost == "::1" && login.terminal == nil)
        for wrong in [
            #"{"user":"u-a"}"#, #"{"user":"u-a","service":"sshd","extra":1}"#, #"{"user":1,"service":"sshd"}"#,
            #"{"user":"\#(String(repeating: "x", count: 256))","service":"sshd"}"#,
        ] {
            #expect(throws: ParameterError.self) { try Login(parameters(wrong)) }
        }
    }
}
