internal import UsherEvidence
internal import UsherTicket

/// What a string may be.
struct Rule: Sendable {
    /// For messages and the reference.
    let form: String
    let accepts: @Sendable (String) -> Bool

    func check(_ node: TOMLNode) throws(ValueProblem) -> String {
        guard case .string(let value) = node else { throw ValueProblem("is \(node.kind), not a string") }
        guard accepts(value) else { throw ValueProblem("is not \(form)") }
        return value
    }

    static func choice(_ values: [String]) -> Rule {
        Rule(form: "one of " + values.map { "`\($0)`" }.joined(separator: ", ")) { values.contains($0) }
    }

    /// Roles, as their files are named and as a ticket's `rol` may be.
    static let roleName = Rule(form: "a name of [a-z][a-z0-9-]*, at most 31 characters") {
        matches($0, 31, first: lowercase, rest: lowercase + digits + "-")
    }
    /// Accounts, groups and PAM services.
    static let accountName = Rule(form: "a name of letters, digits, `_`, `.` and `-`, at most 32 characters") {
        matches($0, 32, first: lowercase + uppercase + digits + "_", rest: lowercase + uppercase + digits + "_.-")
    }
    static let selector = Rule(form: "`ephemeral` or the name of an existing account") { accountName.accepts($0) }
    static let path = Rule(form: "an absolute path without `.`, `..`, `:` or blanks") { text in
        let bytes = Array(text.utf8)
        guard bytes.first == UInt8(ascii: "/"), (2...255).contains(bytes.count) else { return false }
        guard bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ":") }) else { return false }
        let parts = bytes.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        return !parts.contains { $0.isEmpty || $0.elementsEqual(".".utf8) || $0.elementsEqual("..".utf8) }
    }
    /// As a ticket's `iss` may be.
    static let issuer = Rule(form: "1 to 128 letters, digits and `-._~:/@+%`") {
        matches($0, 128, first: letters + digits + "-._~:/@+%", rest: letters + digits + "-._~:/@+%")
    }
    static let sentence = Rule(form: "1 to 200 printable ASCII characters") { text in
        (1...200).contains(text.utf8.count) && text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F }
    }

    /// As `MaskRule` spells them.
    static let maskRule = Rule(form: "a rule such as `option:--pin`, `assignment:token` or `prefix:ghp_`") {
        MaskRule($0) != nil
    }
    static let builtInMaskRule = Rule(form: "one of the rules that are built in") { text in
        MaskRule.builtIn.contains { $0.description == text }
    }
    /// A pattern over paths or commands.
    static let glob = Rule(form: "1 to 255 printable ASCII characters, of which `*` and `?` match others") { text in
        (1...255).contains(text.utf8.count) && text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F }
    }
    static let network = Rule(form: "an IP address or a network in CIDR notation") { AddressRange($0) != nil }

    private static let lowercase = "abcdefghijklmnopqrstuvwxyz"
    private static let uppercase = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    private static let letters = lowercase + uppercase
    private static let digits = "0123456789"

    private static func matches(_ text: String, _ maximum: Int, first: String, rest: String) -> Bool {
        let bytes = Array(text.utf8)
        guard let head = bytes.first, bytes.count <= maximum else { return false }
        let (first, rest) = (Array(first.utf8), Array(rest.utf8))
        return first.contains(head) && bytes.dropFirst().allSatisfy { rest.contains($0) }
    }
}
