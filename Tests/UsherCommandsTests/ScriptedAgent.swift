import Foundation
import Glibc
import Synchronization
import UsherSystem
import UsherWire

/// A listening socket that answers each connection as it was told to, and remembers what it was asked.
final class ScriptedAgent: Sendable {
    enum Answer: Sendable {
        /// These bytes, then the end of the connection.
        case bytes([UInt8])
        /// One byte of these every so many milliseconds.
        case trickle([UInt8], milliseconds: UInt32)
        /// The connection stays open and nothing comes.
        case silence
        /// The end of the connection, at once.
        case close
    }

    let path: String
    private let directory: TemporaryDirectory
    private let calls = Mutex<[VarlinkCall]>([])
    private let done = Mutex(false)

    /// - Parameter answers: one a connection, in turn; the last one for all that follow.
    convenience init(_ answers: Answer...) throws {
        try self.init(answers)
    }

    init(_ answers: [Answer]) throws {
        directory = try TemporaryDirectory()
        path = directory.file("control.sock")
        let listener = try UnixSocket.listen(path, mode: 0o600, uid: geteuid(), gid: getegid())
        let descriptor = listener.release()
        Thread.detachNewThread { [weak self] in
            defer { close(descriptor) }
            var next = 0
            while let self, !self.done.withLock({ $0 }) {
                guard Self.hasConnection(descriptor) else { continue }
                let connection = accept(descriptor, nil, nil)
                guard connection >= 0 else { return }
                self.serve(connection, answers[min(next, answers.count - 1)])
                next += 1
            }
        }
    }

    convenience init(_ parameters: JSONObject) throws {
        try self.init(.bytes(VarlinkReply(parameters: parameters).frame()))
    }

    convenience init(error: String, _ parameters: JSONObject = JSONObject()) throws {
        try self.init(.bytes(VarlinkReply(error: Array(error.utf8), parameters: parameters).frame()))
    }

    deinit {
        done.withLock { $0 = true }
    }

    var received: [VarlinkCall] { calls.withLock { $0 } }

    private static func hasConnection(_ descriptor: Int32) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        // One entry, a local value.
        return unsafe poll(&entry, 1, 50) == 1
    }

    private func serve(_ connection: Int32, _ answer: Answer) {
        defer { close(connection) }
        // A peer that stops reading must end the test, not the process.
        guard let call = Self.readCall(connection) else { return }
        calls.withLock { $0.append(call) }
        switch answer {
        case .bytes(let bytes): Self.send(connection, bytes)
        case .trickle(let bytes, let milliseconds):
            for byte in bytes {
                guard Self.send(connection, [byte]) else { return }
                usleep(milliseconds * 1000)
            }
        case .silence: Self.waitForClose(connection)
        case .close: break
        }
    }

    private static func readCall(_ connection: Int32) -> VarlinkCall? {
        var frame: [UInt8] = []
        var byte: UInt8 = 0
        // One byte into a local value.
        while unsafe recv(connection, &byte, 1, 0) == 1, frame.count < Limits.controlCallBytes {
            if byte == 0 { return VarlinkCall.parse(frame.span) }
            frame.append(byte)
        }
        return nil
    }

    @discardableResult
    private static func send(_ connection: Int32, _ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            // What is left of the array that the closure holds.
            let count = unsafe bytes[sent...].withUnsafeBytes { rest in
                unsafe Glibc.send(connection, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    private static func waitForClose(_ connection: Int32) {
        var byte: UInt8 = 0
        // One byte into a local value.
        _ = unsafe recv(connection, &byte, 1, 0)
    }
}
