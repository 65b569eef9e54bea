import Foundation
import Testing

@testable import UsherTicket

@Suite struct Base64URLTests {
    /// RFC 4648 section 10.
    @Test(arguments: [
        ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("foobar", "Zm9vYmFy"),
    ])
    func encodesAndDecodesTheVectorsOfTheRFC(plain: String, encoded: String) {
        #expect(Base64URL.encode(Array(plain.utf8)) == encoded)
        #expect(Base64URL.decode(Array(encoded.utf8)) == Array(plain.utf8))
    }

    @Test func agreesWithFoundationOnRandomBytes() {
        var generator = SeededGenerator(state: 9)
        for count in 0..<100 {
            let bytes = (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
            let expected = Data(bytes).base64EncodedString()
                .replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
            #expect(Base64URL.encode(bytes) == expected)
            #expect(Base64URL.decode(Array(expected.utf8)) == bytes)
        }
    }

    @Test(arguments: ["Z", "Zg==", "Zg=", "Zh", "Zm9", "Zm 9v", "Zm9v\n", "Zm+v", "Zm/v", "Zm9vY", "Zé", "Zm9\0"])
    func refusesEveryOtherSpelling(text: String) {
        #expect(Base64URL.decode(Array(text.utf8)) == nil)
    }
}

@Suite struct AddressTests {
    @Test(arguments: [
        "0.0.0.0", "192.0.2.1", "255.255.255.255", "::", "::1", "2001:db8::1", "2001:db8:1:2:3:4:5:6", "fe80::1",
        "2001:db8:0:1:1:1:1:1", "2001:db8::1:0:0:1", "2001:0:0:1::1", "1::", "::1:0:0:0:1", "64:ff9b::c000:201",
    ])
    func readsAndPrintsTheCanonicalSpelling(text: String) throws {
        #expect(try #require(IPAddress(text)).description == text)
    }

    @Test(arguments: [
        "", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", " 1.2.3.4", "1.2.3.", "0x7f.1.1.1",
        "1.2.3.-4",
        ":", ":::", "::1::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::", "2001:DB8::1", "2001:0db8::1",
        "2001:db8:0:0::1", "2001:db8::1:0:0:0", "::1%lo", "fe80::1%eth0", "[::1]", "::ffff:c000:201", "::192.0.2.1",
        "1:2:3:4:5:6:7:8::", "12345::", "+1::", "::+1", "localhost", "１.2.3.4", "1.2.3.4\0",
    ])
    func refusesEveryOtherText(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test func anIPv4AddressAndItsMappedFormAreEqual() throws {
        let mapped = try #require(IPAddress("::ffff:192.0.2.1"))
        #expect(mapped == IPAddress("192.0.2.1"))
        #expect(mapped.isIPv4 && mapped.description == "192.0.2.1")
    }

    @Test(arguments: [
        ("192.0.2.0/24", "192.0.2.255", true), ("192.0.2.0/24", "192.0.3.0", false), ("192.0.2.1", "192.0.2.1", true),
        ("192.0.2.1", "192.0.2.2", false), ("192.0.2.1/32", "192.0.2.1", true), ("0.0.0.0/0", "203.0.113.9", true),
        ("192.0.2.0/24", "::ffff:192.0.2.7", true), ("::ffff:192.0.2.0/120", "192.0.2.7", true),
        ("::ffff:192.0.2.0/120", "192.0.3.7", false), ("2001:db8::/33", "2001:db8:7fff::1", true),
        ("2001:db8::/33", "2001:db8:8000::1", false), ("::/0", "2001:db8::1", true), ("::/0", "192.0.2.1", false),
        ("0.0.0.0/0", "2001:db8::1", false), ("10.0.0.0/7", "11.255.0.1", true), ("10.0.0.0/7", "12.0.0.1", false),
    ])
    func aNetworkHoldsItsAddressesAndNoOthers(network: String, address: String, isInside: Bool) throws {
        #expect(try #require(AddressRange(network)).contains(try #require(IPAddress(address))) == isInside)
    }

    @Test(arguments: [
        "192.0.2.1/24", "192.0.2.0/33", "192.0.2.0/", "192.0.2.0/024", "192.0.2.0/+4", "192.0.2.0/24/24", "/24",
        "2001:db8::1/64", "2001:db8::/129", "::ffff:192.0.2.0/90", "192.0.2.0/255.255.255.0", "any", "192.0.2.0 /24",
    ])
    func aNetworkWithAMistakeIsRefused(text: String) {
        #expect(AddressRange(text) == nil)
    }
}

@Suite struct KeyFingerprintTests {
    /// Made by `ssh-keygen -t ed25519` and `ssh-keygen -l`, OpenSSH 9.2.
    static let key = "AAAAC3NzaC1lZDI1NTE5AAAAIEJ5Z0DIHBB2DUKf/tSypkJuWwhoqznd7q7D1oPtdje5"
    static let printed = "SHA256:Ja1i80+TagEnXzc1Z1JiVC8dafIekQ/3orkJCyMkwuU"

    @Test func isWhatSSHKeygenPrints() {
        #expect(KeyFingerprint(publicKeyText: Self.key)?.description == Self.printed)
        #expect(KeyFingerprint(Self.printed) == KeyFingerprint(publicKeyText: Self.key))
    }

    @Test(arguments: ["", "=", "====", "AAAA=", "AA=A", "A===", "AAAA\n", "AB=="])
    func aKeyThatIsNoBase64HasNone(text: String) {
        #expect(KeyFingerprint(publicKeyText: text) == nil)
    }
}
