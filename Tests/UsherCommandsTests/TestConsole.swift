import Foundation
import UsherSystem
import UsherWire

@testable import UsherCommands

/// A console in memory: what a command wrote and said, and how it ended.
final class TestConsole {
    private(set) var output = ""
    private(set) var notices = ""
    var input: [UInt8] = []
    /// Makes every write to standard output fail, as on a full disk.
    var outputFails = false
    var style = Style.plain
    var noticeStyle = Style.plain
    var now = SystemClock.realtimeSeconds()

    struct Result {
        var status: UsherCommands.ExitStatus
        var output: String
        var notices: String

        var lines: [Substring] { output.split(separator: "\n") }
        /// Standard output as JSON.
        var json: JSONValue? { try? JSONParser.parse(Array(output.utf8).span) }
    }

    func run(_ arguments: String...) -> Result { run(arguments) }

    func run(_ arguments: [String]) -> Result {
        result(Program<Usher>(console: console).run(arguments))
    }

    func runDaemon(_ arguments: String...) async -> Result {
        result(await Program<Usherd>(console: console).run(arguments))
    }

    private func result(_ status: UsherCommands.ExitStatus) -> Result {
        defer { (output, notices) = ("", "") }
        return Result(status: status, output: output, notices: notices)
    }

    private var console: Console {
        Console(
            write: { [self] bytes in
                if outputFails { throw SystemError("write to standard output", refused: "No space left on device") }
                output += String(decoding: bytes, as: UTF8.self)
            },
            notify: { [self] in notices += $0 },
            read: { [self] limit in
                guard input.count <= limit else { throw SystemError("read standard input", refused: "too long") }
                return input
            },
            clock: .utc(now: now), style: style, noticeStyle: noticeStyle)
    }
}

/// A directory that is removed with its owner.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "/usher-commands-" + UUID().uuidString
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    func file(_ name: String) -> String { path + "/" + name }

    @discardableResult
    func write(_ name: String, _ text: String, mode: Int = 0o644) throws -> String {
        let path = file(name)
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        return path
    }

    func text(_ name: String) throws -> String {
        String(decoding: try Data(contentsOf: URL(fileURLWithPath: file(name))), as: UTF8.self)
    }

    func setMode(_ mode: Int, _ name: String) throws {
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file(name))
    }

    func mode(_ name: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: file(name))[.posixPermissions] as? Int
    }
}

extension JSONValue {
    /// A member of an object.
    subscript(_ name: StaticString) -> JSONValue? {
        guard case .object(let object) = self else { return nil }
        return object[name]
    }

    /// An element of an array.
    subscript(_ index: Int) -> JSONValue? {
        guard case .array(let values) = self, values.indices.contains(index) else { return nil }
        return values[index]
    }

    var text: String? {
        guard case .string(let bytes) = self else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Files of the project that tests compare with.
enum Project {
    static let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    static func text(_ path: String) throws -> String {
        String(decoding: try Data(contentsOf: directory.appendingPathComponent(path)), as: UTF8.self)
    }
}
