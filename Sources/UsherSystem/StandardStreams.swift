import Glibc

/// The three descriptors that a program is started with.
public enum StandardStreams {
    /// Writes all of it to standard output, unbuffered.
    public static func write(_ bytes: [UInt8]) throws(SystemError) {
        try Descriptors.writeAll(STDOUT_FILENO, bytes, stage: "write to standard output")
    }

    /// Writes a message to standard error. There is nowhere left to report a failure to.
    public static func notify(_ text: String) {
        try? Descriptors.writeAll(STDERR_FILENO, Array(text.utf8), stage: "write to standard error")
    }

    /// Standard input up to its end; an error when there is more than `limit` bytes.
    public static func read(limit: Int) throws(SystemError) -> [UInt8] {
        try Descriptors.readAll(STDIN_FILENO, limit: limit, stage: "read standard input")
    }

    /// Reads of standard input fail instead of waiting, from here on and for all who share it.
    public static func setInputNonBlocking() throws(SystemError) {
        let flags = try SystemCall.run("fcntl") { fcntl(STDIN_FILENO, F_GETFL) }
        try SystemCall.run("fcntl") { fcntl(STDIN_FILENO, F_SETFL, flags | O_NONBLOCK) }
    }

    /// What there is, up to the buffer's size; 0 at the end, nil when there is nothing now.
    public static func readAvailable(_ buffer: inout [UInt8]) throws(SystemError) -> Int? {
        do throws(SystemError) {
            return try SystemCall.run("read standard input") {
                // The kernel writes at most `count` bytes into the array that the closure holds.
                unsafe buffer.withUnsafeMutableBytes { unsafe Glibc.read(STDIN_FILENO, $0.baseAddress, $0.count) }
            }
        } catch let failure where failure.errno == EAGAIN {
            return nil
        }
    }

    public static var outputIsTerminal: Bool { isatty(STDOUT_FILENO) == 1 }
    public static var errorIsTerminal: Bool { isatty(STDERR_FILENO) == 1 }
}

/// The reader's time zone.
public enum LocalTime {
    /// Seconds that the local time is ahead of UTC at a time; 0 where the time has no local form.
    public static func offset(at seconds: Int64) -> Int64 {
        var time = time_t(seconds)
        var fields = unsafe tm()
        // Two local values; localtime_r fills the second. The zone name in it is not used.
        guard unsafe localtime_r(&time, &fields) != nil else { return 0 }
        return unsafe Int64(fields.tm_gmtoff)
    }
}
