internal import UsherWire

/// Bounds of the evidence log: its writer keeps to them, its readers refuse what does not.
public enum EvidenceLimits {
    /// Of a line with its line feed. The kernel's EXECVE records of one event may hold more: the record is then cut, and
    /// says so.
    public static let lineBytes = 262_144
    /// Of a line or a checkpoint: what every JSON reader takes exactly (RFC 8259, section 6).
    static let largestNumber: Int64 = 1 << 53
    /// Of a record's one readable line.
    public static let messageBytes = 4096
    /// How deep values may nest below a line's own members, and how many members an object of them may have: what is
    /// beyond is left out, so that every line that is written can be read.
    static let depth = Limits.jsonDepth - 1
    static let members = 100
}
