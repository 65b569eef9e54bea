/// Bounds that both ends of a socket, and the code that signs tickets, agree on.
public enum Limits {
    /// The OpenSSH client cuts an answer at 1023 bytes without a word (Docs/Architecture.md).
    public static let ticketBytes = 1000
    /// sudo refuses an answer of more than 511 bytes.
    public static let sudoTicketBytes = 500
    /// A call on agent.sock with its NUL.
    public static let agentCallBytes = 8192
    /// An answer on agent.sock with its NUL.
    public static let agentReplyBytes = 16384
    /// A call on control.sock with its NUL.
    public static let controlCallBytes = 65536
    /// An answer on control.sock with its NUL.
    public static let controlReplyBytes = 4_194_304
    /// A call on audit.sock with its NUL: a batch of `usher-audit`, and its largest event on top.
    public static let auditCallBytes = 1_048_576
    /// The text of one audit record; the kernel's own limit is 8970 and libaudit cuts at 8560.
    public static let auditTextBytes = 8000
    /// Any single PAM item in a call.
    public static let itemBytes = 255
    /// How deep JSON may nest.
    public static let jsonDepth = 8
    /// How many members one JSON object may have.
    public static let jsonMembers = 128
}
