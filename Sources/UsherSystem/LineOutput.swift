import Glibc

/// A file of lines that this process adds to, or a named pipe. A regular file is on the disk when `append` returns.
public final class LineOutput {
    private let descriptor: OwnedDescriptor
    private let path: String
    private let isRegular: Bool

    /// Makes the file where there is none, with `mode`; a pipe waits for its reader. A last line that a crash left
    /// without its line feed is cut off; one of more than `lineLimit` bytes is refused, as the file then is another's.
    public init(_ path: String, mode: UInt32, lineLimit: Int) throws(SystemError) {
        // Reading is for the end of a regular file; a pipe opened so would have a reader: itself.
        let isPipe = try Files.status(path)?.kind == .other
        let flags = (isPipe ? O_WRONLY : O_RDWR | O_CREAT) | O_APPEND | O_NOCTTY | O_NOFOLLOW
        descriptor = try Descriptors.open(path, flags, mode: mode_t(mode), stage: "open \(path)")
        self.path = path
        let status = try FileStatus(of: descriptor.rawValue, stage: "stat \(path)")
        isRegular = status.kind == .regular
        if isRegular { try cutPart(size: status.size, lineLimit: lineLimit) }
    }

    public func append(_ bytes: [UInt8]) throws(SystemError) {
        try Descriptors.writeAll(descriptor.rawValue, bytes, stage: "write \(path)")
        if isRegular { try SystemCall.run("fdatasync \(path)") { fdatasync(descriptor.rawValue) } }
    }

    private func cutPart(size: Int64, lineLimit: Int) throws(SystemError) {
        let length = min(size, Int64(lineLimit))
        var end = [UInt8](repeating: 0, count: Int(length))
        let count = try SystemCall.run("read \(path)") {
            // The kernel writes at most `count` bytes into the array that the closure holds.
            unsafe end.withUnsafeMutableBytes {
                unsafe pread(descriptor.rawValue, $0.baseAddress, $0.count, off_t(size - length))
            }
        }
        let part = count - (end[..<count].lastIndex(of: UInt8(ascii: "\n")) ?? -1) - 1
        guard part > 0 else { return }
        guard part < lineLimit else { throw SystemError("open \(path)", refused: "its last line has no end") }
        try SystemCall.run("truncate \(path)") { ftruncate(descriptor.rawValue, off_t(size) - off_t(part)) }
    }
}
