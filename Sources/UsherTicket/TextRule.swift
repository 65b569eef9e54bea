/// Which characters a claim's text may hold and how many.
struct TextRule {
    private let lengths: ClosedRange<Int>
    private let form: String
    private let allows: @Sendable (Int, UInt8) -> Bool

    func check(_ value: String?, _ claim: String) throws(TicketError) {
        guard let value else { return }
        let bytes = Array(value.utf8)
        guard lengths.contains(bytes.count), bytes.enumerated().allSatisfy({ allows($0.offset, $0.element) }) else {
            throw TicketError(code: .invalidClaim, detail: "\(claim) is not \(form)")
        }
    }

    /// 128 characters are room for an https URL.
    static let issuer = marks("-._~:/@+%", 1...128)
    /// What follows `human:`, `agent:` or `service:`.
    static let subject = marks("-._~:/@+#", 1...128)
    static let reference = marks("-._:/#+", 1...64)
    static let service = marks("-._", 1...32)
    static let extensionName = marks("-_", 1...32)

    /// `/` and `:` would be cut off by Debian's sshd (user/role:style).
    static let account = TextRule(lengths: 1...32, form: "an account name") { index, byte in
        isLetterOrDigit(byte) || byte == UInt8(ascii: "_") || (index > 0 && (byte == 0x2D || byte == 0x2E))
    }
    /// Roles, as their files are named.
    static let name = TextRule(lengths: 1...31, form: "a name of [a-z][a-z0-9-]*") { index, byte in
        isLowercase(byte) || (index > 0 && (isDigit(byte) || byte == 0x2D))
    }
    static let hostID = identifier("h")
    static let sessionID = identifier("s")
    /// Any printable ASCII: it is compared byte for byte and never stands in an audit record of ours.
    static let command = TextRule(lengths: 1...512, form: "1 to 512 printable ASCII characters") { _, byte in
        byte >= 0x20 && byte < 0x7F
    }

    /// Why something was revoked: it stands in journals and refusals.
    static let reason = TextRule(lengths: 1...200, form: "1 to 200 printable ASCII characters") { _, byte in
        byte >= 0x20 && byte < 0x7F
    }

    /// A letter, `-` and 16 characters of the lowercase base32 alphabet.
    private static func identifier(_ letter: Character) -> TextRule {
        let first = letter.asciiValue ?? 0
        return TextRule(lengths: 18...18, form: "\(letter)- and 16 base32 characters") { index, byte in
            switch index {
            case 0: byte == first
            case 1: byte == 0x2D
            default: isLowercase(byte) || (byte >= 0x32 && byte <= 0x37)
            }
        }
    }

    private static func marks(_ marks: String, _ lengths: ClosedRange<Int>) -> TextRule {
        let bytes = Array(marks.utf8)
        let form = "\(lengths.lowerBound) to \(lengths.upperBound) letters, digits and \(marks)"
        return TextRule(lengths: lengths, form: form) { _, byte in isLetterOrDigit(byte) || bytes.contains(byte) }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        isLowercase(byte) || isDigit(byte) || (byte >= 0x41 && byte <= 0x5A)
    }

    private static func isLowercase(_ byte: UInt8) -> Bool { byte >= 0x61 && byte <= 0x7A }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
}
