/// What `usherd.toml` says about the evidence log.
public struct EvidenceSettings: Equatable, Sendable {
    /// MiB after which the log goes on in a new file.
    public var fileMiB: Int64
    /// Seconds that a file is kept after its last line.
    public var keep: Int64
    /// MiB that are set aside on the disk for evidence of sessions that run already.
    public var reserveMiB: Int64
    /// Lines after which a checkpoint is signed.
    public var checkpointLines: Int64
    /// Seconds after which a checkpoint is signed when lines wait for one.
    public var checkpointInterval: Int64

    public init(
        fileMiB: Int64 = 64, keep: Int64 = 7_776_000, reserveMiB: Int64 = 64, checkpointLines: Int64 = 4096,
        checkpointInterval: Int64 = 60
    ) {
        self.fileMiB = fileMiB
        self.keep = keep
        self.reserveMiB = reserveMiB
        self.checkpointLines = checkpointLines
        self.checkpointInterval = checkpointInterval
    }

    /// Nil when a value is wrong; the reader has said which.
    init?(_ reader: inout TableReader) {
        let file = reader.read(Keys.file)
        let keep = reader.read(Keys.keep)
        let reserve = reader.read(Keys.reserve)
        let lines = reader.read(Keys.checkpointLines)
        let interval = reader.read(Keys.checkpointInterval)
        guard let file, let keep, let reserve, let lines, let interval else { return nil }
        self.init(
            fileMiB: file, keep: keep, reserveMiB: reserve, checkpointLines: lines, checkpointInterval: interval)
    }

    enum Keys {
        static let file = Key.integer(
            "evidence_file_mib", 1...4096, "MiB", fallback: 64,
            "Size after which the evidence log goes on in a new file.")
        static let keep = Key.integer(
            "evidence_keep", 3600...315_360_000, "seconds", fallback: 7_776_000,
            "How long a file of the evidence log is kept after its last line. Nothing is removed before, also when the "
                + "disk fills up: then new logins are refused.")
        static let reserve = Key.integer(
            "evidence_reserve_mib", 1...65_536, "MiB", fallback: 64,
            "Disk space set aside in `/var/log/usher`: when the disk is full, new logins are refused, and this is for the "
                + "evidence of sessions that run already.")
        static let checkpointLines = Key.integer(
            "evidence_checkpoint_lines", 1...1_000_000, "lines", fallback: 4096,
            "After how many lines of evidence a checkpoint is signed.")
        static let checkpointInterval = Key.integer(
            "evidence_checkpoint_interval", 1...86_400, "seconds", fallback: 60,
            "After how long a checkpoint is signed, if anything was written since the last.")

        static let all = [
            file.description, keep.description, reserve.description, checkpointLines.description,
            checkpointInterval.description,
        ]
    }
}
