#if !hasFeature(Embedded)
    import UsherWire
#endif

/// What can be wrong with an answer before it is looked at as a ticket. sshd passes on whatever a client sends, up
/// to 256 KiB of any bytes, so the answer is judged here and only a possible ticket goes to the agent.
enum TicketAnswer {
    /// The `problem` that io.usher.Agent.Authenticate is told; nil when the answer can be a ticket.
    static func problem(of answer: Span<UInt8>) -> StaticString? {
        if answer.count == 0 { return "empty" }
        if answer.count > Limits.ticketBytes { return "oversize" }
        for index in answer.indices where !isTokenByte(answer[index]) { return "charset" }
        return nil
    }

    /// base64url (RFC 4648 section 5) and the periods of a compact JWS (RFC 7515 section 3.1).
    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}
