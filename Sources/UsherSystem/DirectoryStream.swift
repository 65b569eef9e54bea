import Glibc

/// The entries of an open directory, one at a time. Safe to use although it holds a pointer: the stream is made in
/// `open`, closed in deinit and goes nowhere else.
@safe struct DirectoryStream: ~Copyable {
    private let stream: OpaquePointer
    private let stage: String

    private init(_ stream: OpaquePointer, stage: String) {
        unsafe self.stream = stream
        self.stage = stage
    }

    deinit {
        unsafe _ = closedir(stream)
    }

    /// Opens the directory anew, so that the read position is not shared with `directory`.
    static func open(_ directory: borrowing OwnedDescriptor, stage: String) throws(SystemError) -> DirectoryStream {
        let copy = try Descriptors.open(".", O_RDONLY | O_DIRECTORY, in: directory.rawValue, stage: stage)
        let descriptor = copy.release()
        // Owns the descriptor when it succeeds.
        guard let stream = unsafe fdopendir(descriptor) else {
            let code = SystemCall.lastError
            _ = close(descriptor)
            throw SystemError(stage, errno: code)
        }
        return unsafe DirectoryStream(stream, stage: stage)
    }

    /// What `body` makes of the next name, `.` and `..` included; nil after the last.
    mutating func next<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) throws(SystemError) -> Result? {
        try unsafe nextEntry { name, _ in unsafe body(name) }
    }

    /// The same with the number of the inode as the directory has it.
    mutating func nextEntry<Result>(
        _ body: (UnsafeBufferPointer<UInt8>, UInt64) -> Result
    ) throws(SystemError) -> Result? {
        SystemCall.clearError()
        guard let entry = unsafe readdir(stream) else {
            let code = SystemCall.lastError
            if code != 0 { throw SystemError(stage, errno: code) }
            return nil
        }
        let inode = UInt64(unsafe entry.pointee.d_ino)
        // readdir(3) ends d_name with a NUL within the entry, which is valid until the next call.
        return unsafe withUnsafePointer(to: &entry.pointee.d_name) { field in
            unsafe field.withMemoryRebound(to: UInt8.self, capacity: 256) { start in
                unsafe body(UnsafeBufferPointer(start: start, count: strlen(start)), inode)
            }
        }
    }
}
