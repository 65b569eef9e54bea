import UsherWire

@testable import UsherTicket

/// A ticket and what the parser must say of it; nil for "accepted".
struct TicketCase {
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

/// Every refusal of the parser, and the tickets that are right.
enum TicketCases {
    static func all() throws -> [TicketCase] {
        try form() + headers() + structure() + required() + types() + texts() + times() + lengths() + uses()
            + accepted()
    }

    static func form() throws -> [TicketCase] {
        let good = try Draft().ticket()
        let parts = good.split(separator: UInt8(ascii: "."))
        let dot = UInt8(ascii: ".")
        var spare = good
        // 86 characters hold 516 bits for the signature's 512: the last character must end in four zero bits.
        spare[spare.count - 1] = spare[spare.count - 1] == UInt8(ascii: "B") ? UInt8(ascii: "C") : UInt8(ascii: "B")
        var generator = SeededGenerator(state: 1)
        let garbage = (0..<200).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        return [
            TicketCase("nothing", [], .empty),
            TicketCase("one byte", [0x41], .malformed),
            TicketCase("1001 bytes", [UInt8](repeating: 0x41, count: 1001), .tooLong),
            TicketCase("64 KiB", [UInt8](repeating: 0x41, count: 65_536), .tooLong),
            TicketCase("binary garbage", garbage, .malformed),
            TicketCase(
                "binary garbage between dots", garbage.filter { $0 != dot } + [dot, 0xFF, dot, 0], .badEncoding),
            TicketCase("two parts", Array(good[..<(good.count - 87)]), .malformed),
            TicketCase("four parts", good + [dot], .malformed),
            TicketCase(
                "the JSON serialization of a JWS", Array(#"{"payload":"e30","signature":"AA"}"#.utf8), .malformed),
            TicketCase("an empty header", [dot] + parts[1] + [dot] + parts[2], .malformed),
            TicketCase("an empty payload", parts[0] + [dot, dot] + parts[2], .malformed),
            TicketCase("an empty signature", parts[0] + [dot] + parts[1] + [dot], .malformed),
            TicketCase(
                "padding behind the header", parts[0] + Array("=.".utf8) + parts[1] + [dot] + parts[2], .badEncoding),
            TicketCase("padding at the end", good + Array("==".utf8), .badEncoding),
            TicketCase("a line feed at the end", good + [0x0A], .badEncoding),
            TicketCase("a blank in front", [0x20] + good, .badEncoding),
            TicketCase("a NUL at the end", good + [0], .badEncoding),
            TicketCase("the standard alphabet's plus", good.dropLast(2) + Array("+A".utf8), .badEncoding),
            TicketCase("unused last bits that are not zero", spare, .badEncoding),
            TicketCase("one character more", good + Array("A".utf8), .badEncoding),
            TicketCase("a byte more in the signature", good.dropLast() + Array("AAA".utf8), .badEncoding),
            TicketCase("a signature cut short", good.dropLast(6), .badEncoding),
        ]
    }

    static func headers() throws -> [TicketCase] {
        let draft = try Draft()
        let payload = Array(Draft.object(draft.payload).utf8)
        let noneHeader = Base64URL.encode(Array(#"{"alg":"none","typ":"usher-ticket+jwt","kid":"AAAAAAAAAAA"}"#.utf8))
        let unsigned = Array((noneHeader + "." + Base64URL.encode(payload) + ".").utf8)
        return try [
            TicketCase("alg none without a signature", unsigned, .algorithmNotAllowed),
            TicketCase("alg none", draft.header("alg", #""none""#), .algorithmNotAllowed),
            TicketCase("alg HS256", draft.header("alg", #""HS256""#), .algorithmNotAllowed),
            TicketCase("alg ES256", draft.header("alg", #""ES256""#), .algorithmNotAllowed),
            TicketCase("alg Ed25519", draft.header("alg", #""Ed25519""#), .algorithmNotAllowed),
            TicketCase("alg eddsa in lower case", draft.header("alg", #""eddsa""#), .algorithmNotAllowed),
            TicketCase("alg missing", draft.header("alg", nil), .missingHeader),
            TicketCase("alg twice", draft.addingHeader("alg", #""none""#), .duplicateName),
            TicketCase("alg a list", draft.header("alg", #"["EdDSA"]"#), .invalidHeader),
            TicketCase("typ JWT", draft.header("typ", #""JWT""#), .wrongType),
            TicketCase(
                "typ with its application prefix", draft.header("typ", #""application/usher-ticket+jwt""#), .wrongType),
            TicketCase("typ missing", draft.header("typ", nil), .missingHeader),
            TicketCase("kid missing", draft.header("kid", nil), .missingHeader),
            TicketCase("kid a path", draft.header("kid", #""../../etc/""#), .invalidHeader),
            TicketCase("kid of 7 bytes", draft.header("kid", #""AAAAAAAAAA""#), .invalidHeader),
            TicketCase("kid null", draft.header("kid", "null"), .invalidHeader),
            TicketCase("crit", draft.header("crit", #"["exp"]"#), .criticalHeader),
            TicketCase("crit empty", draft.header("crit", "[]"), .criticalHeader),
            TicketCase("a key in the header", draft.header("jwk", #"{"kty":"OKP"}"#), .unknownHeader),
            TicketCase("a key's address in the header", draft.header("jku", #""https://a.example""#), .unknownHeader),
            TicketCase("b64 false", draft.header("b64", "false"), .unknownHeader),
            TicketCase("an x_ member in the header", draft.header("x_a", "1"), .unknownHeader),
            TicketCase("a header that is a list", Draft.sign(header: Array("[]".utf8), payload: payload), .badJSON),
            TicketCase("a header that is no JSON", Draft.sign(header: Array("alg".utf8), payload: payload), .badJSON),
        ]
    }

    static func structure() throws -> [TicketCase] {
        let draft = try Draft()
        let header = Array(Draft.object(draft.header).utf8)
        func payload(_ text: String) throws -> [UInt8] {
            try Draft.sign(header: header, payload: Array(text.utf8))
        }
        let object = Draft.object(draft.payload)
        let deep = String(repeating: "[", count: 8) + String(repeating: "]", count: 8)
        return try [
            TicketCase("a payload that is no JSON", payload("iss"), .badJSON),
            TicketCase("a payload that is a list", payload("[\(object)]"), .badJSON),
            TicketCase("a payload that is null", payload("null"), .badJSON),
            TicketCase("a payload cut short", payload(String(object.dropLast())), .badJSON),
            TicketCase("bytes behind the payload", payload(object + "{}"), .badJSON),
            TicketCase("a NUL behind the payload", payload(object + "\0"), .badJSON),
            TicketCase("a comma too many", payload(String(object.dropLast()) + ",}"), .badJSON),
            TicketCase(
                "a payload that is not UTF-8", Draft.sign(header: header, payload: [0x7B, 0x22, 0xFF, 0x22, 0x7D]),
                .badJSON),
            TicketCase("iat with a fraction", draft.setting("iat", "1800000000.5"), .badJSON),
            TicketCase("iat with an exponent", draft.setting("iat", "18e8"), .badJSON),
            TicketCase("exp beyond 64 bits", draft.setting("exp", "18446744073709551616"), .badJSON),
            TicketCase("a nesting too deep", draft.setting("x_deep", deep), .badJSON),
            TicketCase("a claim twice", draft.adding("usr", #""root""#), .duplicateName),
            TicketCase("a claim twice, once escaped", draft.adding(#"us\u0072"#, #""root""#), .duplicateName),
            TicketCase(
                "a name twice inside act", draft.setting("act", #"{"sub":"agent:a","sub":"agent:b"}"#), .duplicateName),
            TicketCase("an unknown claim", draft.setting("admin", "true"), .unknownClaim),
            TicketCase("a known claim in capitals", draft.setting("ROL", #""operator""#), .unknownClaim),
            TicketCase("an unknown claim with an escaped name", draft.setting(#"a\nb"#, "1"), .unknownClaim),
            TicketCase("kid among the claims", draft.setting("kid", #""AAAAAAAAAAA""#), .unknownClaim),
            TicketCase("an x_ claim without a name", draft.setting("x_", "1"), .invalidClaim),
            TicketCase("an x_ claim with a blank in its name", draft.setting("x_a b", "1"), .invalidClaim),
        ]
    }

    static func required() throws -> [TicketCase] {
        let draft = try Draft()
        return try ["iss", "aud", "sub", "jti", "iat", "exp", "usr", "rol"].map { name in
            try TicketCase("\(name) missing", draft.without(name), .missingClaim)
        } + [
            TicketCase("own missing for an agent", draft.setting("sub", #""agent:claims-bot""#), .missingClaim),
            TicketCase("own missing for a service", draft.setting("sub", #""service:backup""#), .missingClaim),
            TicketCase("tgt missing for su", draft.setting("svc", #"["su"]"#), .missingClaim),
            TicketCase("tgt missing for sudo", draft.setting("svc", #"["sshd","sudo"]"#), .missingClaim),
            TicketCase("ses missing for a step-up", draft.setting("use", #""stepup""#), .missingClaim),
            TicketCase(
                "sub missing for break-glass", draft.without("sub").setting("use", #""breakglass""#), .missingClaim),
        ]
    }

    /// Every claim with a value of another type, and null, which is not "absent".
    static func types() throws -> [TicketCase] {
        let draft = try Draft()
        let texts = ["iss", "aud", "sub", "jti", "usr", "tgt", "rol", "own", "apr", "chg", "src", "cmd", "use", "ses"]
        let numbers = ["iat", "nbf", "exp", "max", "idl"]
        return try texts.map { try TicketCase("\($0) a number", draft.setting($0, "1"), .invalidClaim) }
            + numbers.map { try TicketCase("\($0) a string", draft.setting($0, #""1""#), .invalidClaim) }
            + (texts + numbers + ["act", "svc", "cnf"]).map {
                try TicketCase("\($0) null", draft.setting($0, "null"), .invalidClaim)
            } + [
                TicketCase("aud a list", draft.setting("aud", "[\"\(Fixture.hostID)\"]"), .invalidClaim),
                TicketCase("svc a string", draft.setting("svc", #""sshd""#), .invalidClaim),
                TicketCase("svc a list of numbers", draft.setting("svc", "[1]"), .invalidClaim),
                TicketCase("act a string", draft.setting("act", #""agent:a""#), .invalidClaim),
                TicketCase("act empty", draft.setting("act", "{}"), .invalidClaim),
                TicketCase("act with another member", draft.setting("act", #"{"iss":"a"}"#), .invalidClaim),
                TicketCase(
                    "act with an actor of its own", draft.setting("act", #"{"sub":"agent:a","act":{"sub":"agent:b"}}"#),
                    .invalidClaim),
                TicketCase("cnf a string", draft.setting("cnf", "\"\(fingerprint)\""), .invalidClaim),
                TicketCase("cnf with another member", draft.setting("cnf", #"{"jkt":"a"}"#), .invalidClaim),
            ]
    }

    static let fingerprint = "SHA256:" + String(repeating: "A", count: 43)
}
