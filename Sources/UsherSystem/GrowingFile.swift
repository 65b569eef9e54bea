import Glibc

/// A file that another process appends to, read at offsets. It keeps the file, whatever name that has by then.
public final class GrowingFile: Sendable {
    private let descriptor: OwnedDescriptor
    private let path: String

    /// Opens a regular file and judges it and its directory.
    public init(_ path: String, rules: FileRules) throws(SystemError) {
        let (parent, name) = Files.split(path)
        let directory = try Files.openDirectory(parent, stage: "open directory \(parent)")
        let parentStatus = try FileStatus(of: directory.rawValue, stage: "stat \(parent)")
        if rules.judgesDirectory { try rules.judge(parentStatus, .directory, stage: "judge directory \(parent)") }
        // Not to wait for a writer when the name is a FIFO.
        let flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | (rules.followsLink ? 0 : O_NOFOLLOW)
        let file = try Descriptors.open(name, flags, in: directory.rawValue, stage: "open \(path)")
        try rules.judge(try FileStatus(of: file.rawValue, stage: "stat \(path)"), .regular, stage: "judge \(path)")
        descriptor = file
        self.path = path
    }

    public func status() throws(SystemError) -> FileStatus {
        try FileStatus(of: descriptor.rawValue, stage: "stat \(path)")
    }

    /// At most `count` bytes; none at the end of the file.
    public func read(at offset: Int64, count: Int) throws(SystemError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let read = try SystemCall.run("read \(path)") {
            // The kernel writes at most `count` bytes into the array that the closure holds.
            unsafe bytes.withUnsafeMutableBytes {
                unsafe pread(descriptor.rawValue, $0.baseAddress, $0.count, off_t(offset))
            }
        }
        bytes.removeLast(count - read)
        return bytes
    }
}
