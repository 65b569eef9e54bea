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
