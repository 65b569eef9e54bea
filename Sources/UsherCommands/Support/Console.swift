internal import UsherExport

/// What a command reads and writes, so that the same command runs in a process and in a test.
struct Console {
    /// Writes all of it to standard output, or throws.
    var write: ([UInt8]) throws -> Void
    /// Writes a message to standard error; a failure to do so changes nothing.
    var notify: (String) -> Void
    /// Reads standard input to its end; throws when there is more than the bytes given.
    var read: (Int) throws -> [UInt8]
    var clock: Clock
    /// How standard output looks.
    var style: Style
    /// How standard error looks.
    var noticeStyle: Style
    /// Opens TLS connections; nil in a program that has no use for them.
    var connector: (any SyslogConnector)?

    func print(_ text: String) throws {
        try write(Array(text.utf8))
    }
}
