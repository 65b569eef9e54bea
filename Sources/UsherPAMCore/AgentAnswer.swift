#if !hasFeature(Embedded)
    import UsherWire
#endif

/// What OpenSession answers.
struct OpenedSession: Equatable {
    var id: [UInt8]
    /// Text of the audit record.
    var tag: [UInt8]
    /// What the operator is shown, lines separated by a line feed.
    var notice: [UInt8]
}

/// Reads the agent's answers: exactly the members of Interfaces/io.usher.Agent.varlink in exactly their form, else nil.
enum AgentAnswer {
    /// 128 random bits.
    static let handleLength = 26
    /// `s-` and 16 base32 characters.
    static let sessionLength = 18
    /// Far more than any notice has, and little enough for every conversation function.
    static let noticeBytes = 4096

    static func isNothing(_ parameters: JSONObject) -> Bool {
        parameters.members.isEmpty
    }

    static func handle(_ parameters: JSONObject) -> [UInt8]? {
        guard parameters.members.count == 1, let handle = string("handle", parameters), isHandle(handle)
        else { return nil }
        return handle
    }

    static func session(_ parameters: JSONObject) -> OpenedSession? {
        guard parameters.members.count == 3, let id = string("session", parameters), isSession(id),
            let tag = string("tag", parameters), isTag(tag),
            let notice = string("notice", parameters), isNotice(notice)
        else { return nil }
        return OpenedSession(id: id, tag: tag, notice: notice)
    }

    /// The reference of `Refused`, such as `7F3K-Q2`.
    static func reference(_ parameters: JSONObject) -> [UInt8]? {
        guard parameters.members.count == 1, let reference = string("reference", parameters), reference.count == 7
        else { return nil }
        for index in reference.indices {
            let isRight = index == 4 ? reference[index] == UInt8(ascii: "-") : isReferenceSymbol(reference[index])
            guard isRight else { return nil }
        }
        return reference
    }

    static func isHandle(_ bytes: [UInt8]) -> Bool {
        bytes.count == handleLength && isBase32(bytes[...])
    }

    static func isSession(_ bytes: [UInt8]) -> Bool {
        bytes.count == sessionLength && bytes.starts(withLiteral: "s-") && isBase32(bytes[2...])
    }

    /// libaudit puts the text between quotation marks of its own and does not encode it: a quotation mark or a
    /// control character would let a value pass for a field of the record.
    static func isTag(_ bytes: [UInt8]) -> Bool {
        guard !bytes.isEmpty, bytes.count <= Limits.auditTextBytes else { return false }
        for byte in bytes where !isAuditSafe(byte) { return false }
        return true
    }

    static func isAuditSafe(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: " "), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: ":"), UInt8(ascii: "@"), UInt8(ascii: "/"), UInt8(ascii: "+"), UInt8(ascii: ","),
            UInt8(ascii: "="), UInt8(ascii: "%"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    private static func isNotice(_ bytes: [UInt8]) -> Bool {
        guard !bytes.isEmpty, bytes.count <= noticeBytes else { return false }
        for byte in bytes where byte != 0x0A && (byte < 0x20 || byte > 0x7E) { return false }
        return true
    }

    private static func string(_ name: StaticString, _ parameters: JSONObject) -> [UInt8]? {
        guard case .string(let bytes)? = parameters[name] else { return nil }
        return bytes
    }

    private static func isBase32(_ bytes: ArraySlice<UInt8>) -> Bool {
        for byte in bytes where Base32.value(byte) == nil { return false }
        return true
    }

    private static func isReferenceSymbol(_ byte: UInt8) -> Bool {
        for index in 0..<Base32.reference.utf8CodeUnitCount {
            // In bounds: index is below the literal's count.
            if unsafe Base32.reference.utf8Start[index] == byte { return true }
        }
        return false
    }
}
