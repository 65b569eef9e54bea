import UsherWire

@testable import UsherTicket

/// A revocation list and what the parser must say of it; nil for "accepted".
struct RevocationListCase {
    var name: String
    var bytes: [UInt8]
    var code: TicketErrorCode?

    init(_ name: String, _ bytes: [UInt8], _ code: TicketErrorCode?) {
        self.name = name
        self.bytes = bytes
        self.code = code
    }

    init(_ name: String, _ draft: Draft, _ code: TicketErrorCode?) throws {
        self.init(name, try draft.ticket(), code)
    }
}

extension Draft {
    static let keyEntry = #"{"kind":"key","value":"44OdtsPYTtc","reason":"stolen"}"#

    /// A list that is right, with these entries.
    static func list(_ entries: String = "[\(keyEntry)]") throws -> Draft {
        var draft = try Draft().header("typ", #""usher-revocations+jwt""#)
        draft.payload = [
            ("iss", #""https://soc.example""#), ("iat", String(Fixture.issuedAt)),
            ("exp", String(Fixture.issuedAt + 86_400)), ("num", "7"), ("rev", entries),
        ]
        return draft
    }

    /// A list of one entry that is right but for these members of it.
    static func entry(_ json: String) throws -> Draft { try list("[\(json)]") }
}

/// Every refusal of the list parser, and lists that are right.
enum RevocationListCases {
    static let allKinds = """
        [{"kind":"ticket","value":"\(Fixture.ticketID)","issuer":"https://broker.example","reason":"leaked",\
        "exp":1800000300},{"kind":"ticket","value":"AAAAAAAAAAAAAAAAAAAAAA","issuer":"ci","reason":"leaked"},\
        {"kind":"subject","value":"human:alice","reason":"left"},{"kind":"account","value":"postgres","reason":"r"},\
        {"kind":"role","value":"dba","reason":"freeze"},\(Draft.keyEntry),{"kind":"all","reason":"INC-7: stop"}]
        """

    static func all() throws -> [RevocationListCase] {
        try form() + claims() + entries() + accepted()
    }

    static func form() throws -> [RevocationListCase] {
        let good = try Draft.list().ticket()
        return [
            RevocationListCase("nothing", [], .empty),
            RevocationListCase(
                "more than 1 MiB", [UInt8](repeating: 0x41, count: RevocationList.longestBytes + 1), .tooLong),
            RevocationListCase("1 MiB of one letter", [UInt8](repeating: 0x41, count: 1_048_576), .malformed),
            RevocationListCase("a line feed at the end", good + [0x0A], .badEncoding),
            RevocationListCase("two parts", Array(good[..<(good.count - 87)]), .malformed),
            RevocationListCase("a short signature", Array(good.dropLast(2)), .badEncoding),
            try RevocationListCase("a ticket", try Draft(), .wrongType),
            try RevocationListCase("typ JWT", try Draft.list().header("typ", #""JWT""#), .wrongType),
            try RevocationListCase("no typ", try Draft.list().header("typ", nil), .missingHeader),
            try RevocationListCase("alg none", try Draft.list().header("alg", #""none""#), .algorithmNotAllowed),
            try RevocationListCase("crit", try Draft.list().addingHeader("crit", #"["num"]"#), .criticalHeader),
            try RevocationListCase("an unknown header", try Draft.list().addingHeader("jku", #""x""#), .unknownHeader),
            try RevocationListCase("a short kid", try Draft.list().header("kid", #""AAAA""#), .invalidHeader),
            RevocationListCase(
                "a payload that is an array",
                try Draft.sign(
                    header: Array(Draft.object(Draft.list().header).utf8), payload: Array("[1]".utf8)), .badJSON),
            try RevocationListCase("num twice", try Draft.list().adding("num", "8"), .duplicateName),
            RevocationListCase(
                "an object of 129 members",
                try Draft.sign(
                    header: Array(Draft.object(Draft.list().header).utf8),
                    payload: Array(Draft.object((0..<129).map { ("a\($0)", "1") }).utf8)), .badJSON),
        ]
    }

    static func claims() throws -> [RevocationListCase] {
        let iat = Fixture.issuedAt
        var cases = try ["iss", "iat", "exp", "num", "rev"].map {
            try RevocationListCase("without \($0)", try Draft.list().without($0), .missingClaim)
        }
        cases += [
            try RevocationListCase("an unknown claim", try Draft.list().adding("aud", #""h""#), .unknownClaim),
            try RevocationListCase("an x_ claim", try Draft.list().adding("x_a", "1"), .unknownClaim),
            try RevocationListCase("num as text", try Draft.list().setting("num", #""7""#), .invalidClaim),
            try RevocationListCase("num 0", try Draft.list().setting("num", "0"), .invalidClaim),
            try RevocationListCase("num -1", try Draft.list().setting("num", "-1"), .invalidClaim),
            try RevocationListCase("num 2^53", try Draft.list().setting("num", "9007199254740992"), .invalidClaim),
            try RevocationListCase("num 2^64", try Draft.list().setting("num", "18446744073709551616"), .badJSON),
            try RevocationListCase("rev as an object", try Draft.list().setting("rev", "{}"), .invalidClaim),
            try RevocationListCase("iss with a blank", try Draft.list().setting("iss", #""a b""#), .invalidClaim),
            try RevocationListCase("exp at iat", try Draft.list().setting("exp", String(iat)), .invalidTimes),
            try RevocationListCase("iat negative", try Draft.list().setting("iat", "-1"), .invalidTimes),
            try RevocationListCase(
                "exp in milliseconds", try Draft.list().setting("exp", "1800000300000"), .invalidTimes),
            try RevocationListCase(
                "in force for 31 days and a second",
                try Draft.list().setting("exp", String(iat + RevocationList.longestLifetime + 1)), .lifetimeTooLong),
        ]
        return cases
    }

    static func entries() throws -> [RevocationListCase] {
        let many = (0...RevocationList.mostEntries).map { #"{"kind":"role","value":"r\#($0)","reason":"r"}"# }
        let wrong: [(String, String, TicketErrorCode)] = [
            ("a number as an entry", "1", .invalidClaim),
            ("an entry without kind", #"{"value":"dba","reason":"r"}"#, .missingClaim),
            ("an unknown kind", #"{"kind":"group","value":"dba","reason":"r"}"#, .invalidClaim),
            ("an entry without value", #"{"kind":"role","reason":"r"}"#, .missingClaim),
            ("an entry without reason", #"{"kind":"role","value":"dba"}"#, .missingClaim),
            ("an empty reason", #"{"kind":"role","value":"dba","reason":""}"#, .invalidClaim),
            ("a reason with a line feed", #"{"kind":"role","value":"dba","reason":"a\nb"}"#, .invalidClaim),
            ("an unknown member", #"{"kind":"role","value":"dba","reason":"r","note":"n"}"#, .unknownClaim),
            ("all with a value", #"{"kind":"all","value":"x","reason":"r"}"#, .unknownClaim),
            ("a role with an issuer", #"{"kind":"role","value":"dba","issuer":"ci","reason":"r"}"#, .unknownClaim),
            ("a role with exp", #"{"kind":"role","value":"dba","reason":"r","exp":1}"#, .unknownClaim),
            ("a role in capitals", #"{"kind":"role","value":"DBA","reason":"r"}"#, .invalidClaim),
            ("a role as a wildcard", #"{"kind":"role","value":"*","reason":"r"}"#, .invalidClaim),
            ("a subject without a kind", #"{"kind":"subject","value":"alice","reason":"r"}"#, .invalidClaim),
            ("an account with a slash", #"{"kind":"account","value":"a/b","reason":"r"}"#, .invalidClaim),
            ("a key that is no kid", #"{"kind":"key","value":"44Odts","reason":"r"}"#, .invalidClaim),
            (
                "a ticket without its issuer",
                #"{"kind":"ticket","value":"AAAAAAAAAAAAAAAAAAAAAA","reason":"r"}"#, .missingClaim
            ),
            (
                "a ticket id of 64 bits", #"{"kind":"ticket","value":"AAAAAAAAAAA","issuer":"ci","reason":"r"}"#,
                .invalidClaim
            ),
            (
                "a ticket's exp in milliseconds",
                #"{"kind":"ticket","value":"AAAAAAAAAAAAAAAAAAAAAA","issuer":"ci","reason":"r","exp":1800000300000}"#,
                .invalidTimes
            ),
        ]
        return try wrong.map { try RevocationListCase($0.0, try Draft.entry($0.1), $0.2) } + [
            try RevocationListCase(
                "an entry twice", try Draft.list("[\(Draft.keyEntry),\(Draft.keyEntry)]"), .invalidClaim),
            try RevocationListCase("4097 entries", try Draft.list("[\(many.joined(separator: ","))]"), .tooLong),
        ]
    }

    static func accepted() throws -> [RevocationListCase] {
        let most = (0..<RevocationList.mostEntries).map { #"{"kind":"role","value":"r\#($0)","reason":"r"}"# }
        return [
            try RevocationListCase("an entry of each kind", try Draft.list(allKinds), nil),
            try RevocationListCase("no entries", try Draft.list("[]"), nil),
            try RevocationListCase("4096 entries", try Draft.list("[\(most.joined(separator: ","))]"), nil),
            try RevocationListCase(
                "in force for 31 days",
                try Draft.list().setting("exp", String(Fixture.issuedAt + RevocationList.longestLifetime)), nil),
        ]
    }
}
