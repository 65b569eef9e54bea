import UsherWire

@testable import UsherTicket

extension TicketCases {
    /// Values of the right type that no ticket may hold. `claim`, JSON, what is wrong.
    private static let badTexts: [(claim: String, json: String, what: String)] = [
        ("iss", #""""#, "empty"), ("iss", #""a b""#, "with a blank"), ("iss", #""a'b""#, "with a quote"),
        ("iss", #""a\u00e9""#, "beyond ASCII"), ("iss", "\"" + String(repeating: "a", count: 129) + "\"", "too long"),
        ("aud", #""web1.example""#, "a host name"), ("aud", #""h-ABCDEFGHIJ234567""#, "in capitals"),
        ("aud", #""h-abcdefghij23456""#, "too short"), ("aud", #""s-abcdefghij234567""#, "a session id"),
        ("sub", #""alice""#, "without a kind"), ("sub", #""human:""#, "without a name"),
        ("sub", #""robot:r2""#, "of an unknown kind"), ("sub", #""Human:alice""#, "of a kind in capitals"),
        ("sub", #""human:alice res=success""#, "with an audit field inside"), ("sub", #""human:a\nb""#, "of two lines"),
        ("sub", #""human:a\"b""#, "with a double quote"), ("sub", #""human:a\u0000""#, "with a NUL"),
        ("sub", #""human:\u212b""#, "beyond ASCII"),
        ("jti", #""AAECAwQFBgcICQoLDA0OD""#, "too short"), ("jti", #""AAECAwQFBgcICQoLDA0ODx""#, "with unused bits"),
        ("jti", #""AAECAwQFBgcICQoLDA0ODw==""#, "with padding"), ("jti", #""550e8400-e29b-41d4-a716""#, "a UUID"),
        ("usr", #""""#, "empty"), ("usr", #""-oops""#, "with a dash in front"), ("usr", #""a/b""#, "with a slash"),
        ("usr", #""a:b""#, "with a colon"), ("usr", #""..""#, "a directory"), ("usr", #""root ""#, "with a blank"),
        ("usr", "\"" + String(repeating: "a", count: 33) + "\"", "too long"),
        ("rol", #""Operator""#, "in capitals"), ("rol", #""../x""#, "a path"),
        ("rol", #""1st""#, "with a digit in front"),
        ("rol", "\"" + String(repeating: "a", count: 32) + "\"", "too long"),
        ("own", #""service:backup""#, "no person"), ("own", #""agent:a""#, "an agent"),
        ("own", #""bob""#, "without a kind"),
        ("apr", #""""#, "empty"), ("apr", #""A 1""#, "with a blank"), ("apr", #""A=1""#, "with an equals sign"),
        ("chg", #""C;1""#, "with a semicolon"), ("chg", "\"" + String(repeating: "1", count: 65) + "\"", "too long"),
        ("src", #""192.0.2.1/24""#, "with host bits"), ("src", #""192.0.2.01""#, "with a leading zero"),
        ("src", #""2001:DB8::1""#, "in capitals"), ("src", #""2001:db8:0:0:0:0:0:1""#, "uncompressed"),
        ("src", #""fe80::1%eth0""#, "with a zone"), ("src", #""192.0.2.0/33""#, "with a prefix too long"),
        ("src", #""bastion.example""#, "a host name"), ("src", #""*""#, "a pattern"), ("src", #""""#, "empty"),
        ("cnf", #"{"ssh":"MD5:aa:bb"}"#, "of another hash"), ("cnf", #"{"ssh":"SHA256:AAAA"}"#, "too short"),
        ("cnf", #"{"ssh":"SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}"#, "with padding"),
        ("act", #"{"sub":"alice"}"#, "without a kind"), ("act", #"{"sub":1}"#, "of a number"),
        ("cmd", #""""#, "empty"), ("cmd", #""id\nid""#, "of two lines"), ("cmd", #""id\u0000""#, "with a NUL"),
        ("cmd", #""caf\u00e9""#, "beyond ASCII"), ("use", #""root""#, "unknown"), ("use", #""Login""#, "in capitals"),
        ("ses", #""s-1""#, "too short"), ("ses", #""s-ABCDEFGHIJ234567""#, "in capitals"),
        ("svc", "[]", "empty"), ("svc", #"["sshd","sshd"]"#, "with a service twice"),
        ("svc", #"["a/b"]"#, "with a slash"),
        ("svc", #"["a","b","c","d","e","f","g","h","i"]"#, "with nine services"),
    ]

    static func texts() throws -> [TicketCase] {
        let draft = try Draft()
        return try badTexts.map { claim, json, what in
            try TicketCase("\(claim) \(what)", draft.setting(claim, json), .invalidClaim)
        }
    }

    static func times() throws -> [TicketCase] {
        let draft = try Draft()
        let start = Fixture.issuedAt
        return try [
            TicketCase("iat negative", draft.setting("iat", "-1"), .invalidTimes),
            TicketCase(
                "times in milliseconds",
                draft.setting("iat", "\(start * 1000)").setting("exp", "\(start * 1000 + 300)"), .invalidTimes),
            TicketCase("exp at the end of 64 bits", draft.setting("exp", "9223372036854775807"), .invalidTimes),
            TicketCase("iat at the start of 64 bits", draft.setting("iat", "-9223372036854775808"), .invalidTimes),
            TicketCase("exp at iat", draft.setting("exp", "\(start)"), .invalidTimes),
            TicketCase("exp before iat", draft.setting("exp", "\(start - 1)"), .invalidTimes),
            TicketCase("exp 901 s after iat", draft.setting("exp", "\(start + 901)"), .lifetimeTooLong),
            TicketCase("nbf before iat", draft.setting("nbf", "\(start - 1)"), .invalidTimes),
            TicketCase("nbf at exp", draft.setting("nbf", "\(start + 300)"), .invalidTimes),
            TicketCase("max 0", draft.setting("max", "0"), .invalidClaim),
            TicketCase("max negative", draft.setting("max", "-1"), .invalidClaim),
            TicketCase("max more than a week", draft.setting("max", "604801"), .invalidClaim),
            TicketCase("idl 0", draft.setting("idl", "0"), .invalidClaim),
            TicketCase("idl more than a week", draft.setting("idl", "604801"), .invalidClaim),
        ]
    }

    static func uses() throws -> [TicketCase] {
        let draft = try Draft()
        return try [
            TicketCase("ses in a login", draft.setting("ses", #""s-abcdefghij234567""#), .claimNotAllowed),
            TicketCase("tgt for sshd", draft.setting("tgt", #""postgres""#), .claimNotAllowed),
            TicketCase(
                "tgt for cron", draft.setting("tgt", #""postgres""#).setting("svc", #"["cron"]"#), .claimNotAllowed),
        ]
    }

    static func lengths() throws -> [TicketCase] {
        let key = try Fixture.key()
        let (longest, longer) = try fullestAgentTickets()
        let (sudo, longSudo) = try longestSudoTickets()
        return try [
            TicketCase("the fullest agent ticket that fits", Array(TicketSigner.sign(longest, with: key).utf8), nil),
            TicketCase("the fullest agent ticket with one byte more", longer, .tooLong),
            TicketCase("1000 bytes", padded(to: 1000), nil),
            TicketCase("1001 bytes of a ticket", padded(to: 1001), .tooLong),
            TicketCase("the longest step-up ticket for sudo", sudo, nil),
            TicketCase("a step-up ticket for sudo that is one step longer", longSudo, .tooLong),
        ]
    }

    /// All that an AI agent's ticket carries; the subject's name has `length` characters.
    static func fullAgentClaims(subjectLength length: Int) throws -> Claims {
        var claims = try Fixture.claims()
        claims.subject = "agent:" + String(repeating: "a", count: length)
        claims.owner = "human:bob.accountable@platform.example.com"
        claims.actor = "service:orchestrator@agents.example.com"
        claims.approval = "APR-2026-004711"
        claims.change = "CHG0031337"
        claims.services = ["sshd"]
        claims.source = AddressRange("2001:db8:85a3:8d3::/64")
        claims.key = KeyFingerprint(fingerprint)
        claims.notBefore = claims.issuedAt
        claims.maximumDuration = 3600
        claims.idleTimeout = 600
        claims.role = "database-administrator-europe"
        return claims
    }

    /// The longest that the signer signs, and the same with one byte more, signed by other means.
    private static func fullestAgentTickets() throws -> (Claims, [UInt8]) {
        let key = try Fixture.key()
        var length = 1
        while (try? TicketSigner.sign(fullAgentClaims(subjectLength: length + 1), with: key)) != nil { length += 1 }
        let longer = try fullAgentClaims(subjectLength: length + 1)
        return (try fullAgentClaims(subjectLength: length), try signUnchecked(longer))
    }

    private static func longestSudoTickets() throws -> ([UInt8], [UInt8]) {
        var claims = try Fixture.claims()
        claims.subject = nil
        claims.role = nil
        claims.issuer = "broker"
        claims.account = "alice"
        claims.target = "root"
        claims.services = ["sudo"]
        claims.use = .stepup
        claims.session = "s-abcdefghij234567"
        claims.approval = "A"
        var fitting = try signUnchecked(claims)
        while true {
            claims.approval? += "1"
            let next = try signUnchecked(claims)
            if next.count > Limits.sudoTicketBytes { return (fitting, next) }
            fitting = next
        }
    }

    /// Exactly so many bytes: blanks in header and payload, where JSON allows them, reach every length.
    private static func padded(to count: Int) throws -> [UInt8] {
        let draft = try Draft()
        let header = Array(Draft.object(draft.header).utf8)
        let payload = Array(Draft.object(draft.payload).utf8)
        for more in 0..<3 {
            var blanks = 0
            while true {
                let ticket = try Draft.sign(
                    header: header + [UInt8](repeating: 0x20, count: more),
                    payload: payload + [UInt8](repeating: 0x20, count: blanks))
                if ticket.count == count { return ticket }
                if ticket.count > count { break }
                blanks += 1
            }
        }
        return []
    }

    static func signUnchecked(_ claims: Claims) throws -> [UInt8] {
        var writer = JSONWriter(sink: [UInt8]())
        writer.value(.object(JSONObject(members: ClaimWriter.members(claims))))
        return try Draft.sign(header: Array(Draft.object(try Draft().header).utf8), payload: writer.sink)
    }

    static func accepted() throws -> [TicketCase] {
        let draft = try Draft()
        let start = Fixture.issuedAt
        let spaced = try Draft.sign(
            header: Array((" " + Draft.object(draft.header) + "\n").utf8),
            payload: Array(Draft.object(draft.payload).replacing(",", with: " ,\t").utf8))
        return try [
            TicketCase("the least a login needs", draft, nil),
            TicketCase("white space around and inside", spaced, nil),
            TicketCase("a life of 900 s", draft.setting("exp", "\(start + 900)"), nil),
            TicketCase("a life of 1 s", draft.setting("exp", "\(start + 1)"), nil),
            TicketCase("nbf just before exp", draft.setting("nbf", "\(start + 299)"), nil),
            TicketCase(
                "an agent with its owner", draft.setting("sub", #""agent:a""#).setting("own", #""human:b""#), nil),
            TicketCase("an agent that acts for a person", draft.setting("act", #"{"sub":"agent:a"}"#), nil),
            TicketCase(
                "x_ claims of any type", draft.setting("x_a", "[null,{\"b\":true}]").setting("x_c-1", "\"\\u00e9\""),
                nil),
            TicketCase("an IPv4 network", draft.setting("src", #""192.0.2.0/24""#), nil),
            TicketCase("an IPv6 address", draft.setting("src", #""2001:db8::1""#), nil),
            TicketCase("a bound key", draft.setting("cnf", "{\"ssh\":\"\(fingerprint)\"}"), nil),
            TicketCase("a command with quotes", draft.setting("cmd", #""sh -c \"id; 'x'\"""#), nil),
            TicketCase("use login, said", draft.setting("use", #""login""#), nil),
            TicketCase("break-glass", draft.setting("use", #""breakglass""#), nil),
            TicketCase("su to an account", draft.setting("svc", #"["su"]"#).setting("tgt", #""postgres""#), nil),
            TicketCase(
                "a step-up",
                draft.without("sub").without("rol").setting("use", #""stepup""#)
                    .setting("ses", #""s-abcdefghij234567""#).setting("svc", #"["sudo"]"#).setting("tgt", #""root""#),
                nil),
            TicketCase("eight services", draft.setting("svc", #"["a","b","c","d","e","f","g","h"]"#), nil),
        ]
    }
}
