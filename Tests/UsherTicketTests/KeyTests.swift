import Testing
import UsherWire

@testable import UsherTicket

@Suite struct KeyTests {
    /// RFC 8037 appendix A.1 and A.2.
    static let privateJWK = #"""
        {"kty":"OKP","crv":"Ed25519",
        "d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
        """#
    static let publicJWK = #"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#

    func publicKey(_ text: String) throws(KeyError) -> PublicKey { try PublicKey(jwk: Array(text.utf8)) }
    func privateKey(_ text: String) throws(KeyError) -> PrivateKey { try PrivateKey(jwk: Array(text.utf8)) }

    @Test func theKeyOfRFC8037HasTheThumbprintOfItsAppendixA3() throws {
        let key = try publicKey(Self.publicJWK)
        #expect(key.thumbprint == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")
        #expect(key.keyID == "kPrK_qmxVWY")
        #expect(try privateKey(Self.privateJWK).publicKey == key)
    }

    @Test func theKeyOfRFC8037MakesTheSignatureOfItsAppendixA4() throws {
        let input = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
        let expected = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
        let signature = try privateKey(Self.privateJWK).signature(over: Array(input.utf8))
        #expect(Base64URL.encode(signature) == expected)
        let key = try publicKey(Self.publicJWK)
        #expect(key.isValid(signature: signature, over: Array(input.utf8)))
        #expect(!key.isValid(signature: signature, over: Array((input + "A").utf8)))
    }

    @Test func theSignedExampleOfRFC8037IsNoTicket() {
        let token =
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PG"
            + "cvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
        #expect { try TicketParser.parse(Array(token.utf8)) } throws: { ($0 as? TicketError)?.code == .missingHeader }
    }

    @Test func aKeySurvivesItsOwnText() throws {
        var generator = SeededGenerator(state: 42)
        for _ in 0..<20 {
            let key = try PrivateKey.generate(using: &generator)
            #expect(try PublicKey(jwk: Array(key.publicKey.jwk().utf8)) == key.publicKey)
            let again = try PrivateKey(jwk: key.jwk())
            #expect(again.publicKey == key.publicKey)
            #expect(try again.signature(over: [1]) == key.signature(over: [1]))
        }
    }

    @Test func differentRandomnessMakesDifferentKeysAndTheSameMakesTheSame() throws {
        var first = SeededGenerator(state: 1)
        var second = SeededGenerator(state: 1)
        let key = try PrivateKey.generate(using: &first)
        #expect(try PrivateKey.generate(using: &second).publicKey == key.publicKey)
        #expect(try PrivateKey.generate(using: &first).publicKey != key.publicKey)
    }

    @Test func optionalMembersMustSayWhatIsTrue() throws {
        let x = #""x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#
        let key = try publicKey(#"{"kty":"OKP","crv":"Ed25519",\#(x),"kid":"kPrK_qmxVWY","use":"sig","alg":"EdDSA"}"#)
        #expect(key.keyID == "kPrK_qmxVWY")
    }

    @Test(arguments: [
        ("", KeyError.Code.notJSON), ("[]", .notJSON), ("{", .notJSON), (publicJWK + publicJWK, .notJSON),
        (#"{"crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#, .missingMember),
        (#"{"kty":"OKP","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#, .missingMember),
        (#"{"kty":"OKP","crv":"Ed25519"}"#, .missingMember),
        (publicJWK.replacing("OKP", with: "EC"), .invalidMember),
        (publicJWK.replacing("Ed25519", with: "X25519"), .invalidMember),
        (publicJWK.replacing("OKP", with: "O\u{212A}P"), .invalidMember),
        (publicJWK.replacing("URo\"", with: "URp\""), .invalidMember),
        (publicJWK.replacing("URo\"", with: "URo=\""), .invalidMember),
        (publicJWK.replacing("URo\"", with: "UR\""), .invalidMember),
        (publicJWK.replacing(#""kty":"OKP""#, with: #""kty":1"#), .invalidMember),
        (publicJWK.replacing("}", with: #","use":"enc"}"#), .invalidMember),
        (publicJWK.replacing("}", with: #","alg":"none"}"#), .invalidMember),
        (publicJWK.replacing("}", with: #","kid":"AAAAAAAAAAA"}"#), .mismatch),
        (publicJWK.replacing("}", with: #","key_ops":[]}"#), .unknownMember),
        (privateJWK, .unknownMember),
        (publicJWK.replacing("}", with: #","kty":"OKP"}"#), .notJSON),
    ])
    func aTextThatIsNotExactlyAPublicKeyIsRefused(text: String, code: KeyError.Code) {
        #expect { try publicKey(text) } throws: { ($0 as? KeyError)?.code == code }
    }

    @Test func aPrivateKeyWhosePublicPartIsAnothersIsRefused() throws {
        let other = Base64URL.encode(try Fixture.otherKey().publicKey.rawBytes)
        let text = Self.privateJWK.replacing("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", with: other)
        #expect { try privateKey(text) } throws: { ($0 as? KeyError)?.code == .mismatch }
        #expect { try privateKey(Self.publicJWK) } throws: { ($0 as? KeyError)?.code == .missingMember }
    }

    /// With such a key a signature of zeros would hold for some messages.
    @Test(arguments: [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    ])
    func aPublicKeyOfSmallOrderIsRefused(hexadecimal: String) {
        let digits = Array(hexadecimal)
        let bytes = stride(from: 0, to: 64, by: 2).compactMap { UInt8(String(digits[$0...($0 + 1)]), radix: 16) }
        #expect { try PublicKey(rawBytes: bytes) } throws: { ($0 as? KeyError)?.code == .weakKey }
    }

    @Test func nothingThatPrintsAPrivateKeyPrintsItsSecret() throws {
        let key = try Fixture.key()
        var dumped = ""
        dump(key, to: &dumped)
        for text in ["\(key)", String(reflecting: key), String(describing: [key]), dumped] {
            #expect(!text.contains(Fixture.seedText))
            #expect(!text.contains("157, 97, 177"), "the seed's first bytes in decimal")
        }
        #expect("\(key)" == "private Ed25519 key kPrK_qmxVWY")
    }

    @Test func noKeyErrorRepeatsTheKey() {
        let secret = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
        for text in [Self.privateJWK.replacing("\"x\"", with: "\"y\""), Self.privateJWK.replacing("OKP", with: secret)]
        {
            #expect { try privateKey(text) } throws: { !"\($0)".contains(secret) }
        }
    }

    @Test func wipingOverwritesEveryByte() {
        var secret: [UInt8] = [1, 2, 3]
        Secret.wipe(&secret)
        #expect(secret == [0, 0, 0])
    }
}
