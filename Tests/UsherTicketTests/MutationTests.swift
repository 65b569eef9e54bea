import Testing

@testable import UsherTicket

/// Changed tickets: none is accepted, none traps. Deterministic, so that a failure can be repeated.
@Suite struct MutationTests {
    func isAccepted(_ bytes: [UInt8], _ key: PublicKey) -> Bool {
        (try? TicketParser.parse(bytes))?.verify(with: key) == true
    }

    @Test func noTicketWithOneByteChangedIsAccepted() throws {
        let ticket = try Draft().setting("act", #"{"sub":"agent:a"}"#).setting("svc", #"["sshd"]"#).ticket()
        let key = try Fixture.key().publicKey
        #expect(isAccepted(ticket, key))
        let alphabet = Base64.urlAlphabet
        for index in ticket.indices {
            // Every single bit, every byte that is no base64url at its edges, and a spread of the alphabet.
            var changes = (0..<8).map { ticket[index] ^ (1 << UInt8($0)) } + [0, 0x20, 0x2E, 0x3D, 0x7F, 0x80, 0xFF]
            changes += stride(from: index % 7, to: 64, by: 7).map { alphabet[$0] }
            for byte in changes where byte != ticket[index] {
                var changed = ticket
                changed[index] = byte
                #expect(!isAccepted(changed, key), "byte \(index) made \(byte)")
            }
        }
    }

    @Test func noTicketWithAByteMoreOrLessIsAccepted() throws {
        let ticket = try Draft().ticket()
        let key = try Fixture.key().publicKey
        for index in 0...ticket.count {
            for byte in [UInt8(ascii: "A"), UInt8(ascii: "."), UInt8(ascii: "="), 0, 0x0A] {
                var longer = ticket
                longer.insert(byte, at: index)
                #expect(!isAccepted(longer, key))
            }
            guard index < ticket.count else { break }
            var shorter = ticket
            shorter.remove(at: index)
            #expect(!isAccepted(shorter, key))
            #expect(!isAccepted(Array(ticket[..<index]), key))
        }
    }

    /// Payloads under a right header: the JSON and claim rules see every one of them.
    @Test func noMutatedPayloadTraps() throws {
        let header = Array(Base64URL.encode(Array(Draft.object(try Draft().header).utf8)).utf8) + [UInt8(ascii: ".")]
        let signature = Array(".".utf8) + [UInt8](repeating: UInt8(ascii: "A"), count: 86)
        let seed = try Draft().setting("act", #"{"sub":"agent:a"}"#).setting("svc", #"["sshd"]"#)
            .setting("src", #""2001:db8::/64""#).setting("max", "60")
        let payload = Array(Draft.object(seed.payload).utf8)
        let tokens = [
            "{", "}", "[", "]", "\"", ",", ":", "null", "-1", "9223372036854775807", "\\u0000", "é", "1e9", "x_",
        ]
        let key = try Fixture.key().publicKey
        var generator = SeededGenerator(state: 2026)
        var refused = 0
        for _ in 0..<20_000 {
            var changed = payload
            for _ in 0...Int.random(in: 0..<3, using: &generator) {
                let index = Int.random(in: 0..<changed.count, using: &generator)
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: changed[index] = UInt8.random(in: .min ... .max, using: &generator)
                case 1: changed.removeSubrange(index..<min(changed.count, index + 8))
                case 2:
                    changed.insert(
                        contentsOf: Array(tokens.randomElement(using: &generator)?.utf8 ?? "".utf8), at: index)
                default: changed.insert(contentsOf: changed[index..<min(changed.count, index + 20)], at: index)
                }
            }
            let ticket = header + Array(Base64URL.encode(changed).utf8) + signature
            if !isAccepted(ticket, key) { refused += 1 }
        }
        #expect(refused == 20_000)
    }

    @Test func randomBytesNeverTrap() throws {
        var generator = SeededGenerator(state: 7)
        for count in 0..<2000 {
            let bytes = (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
            #expect(throws: TicketError.self) { try TicketParser.parse(bytes) }
        }
    }

    /// The group order L = 2^252 + 27742317777372353535851937790883648493, little-endian: S + L signs the same
    /// where a verifier does not check the range (RFC 8032 section 5.1.7).
    @Test func aSignatureWithItsScalarOutOfRangeIsRefused() throws {
        let order: [UInt8] = [
            0xED, 0xD3, 0xF5, 0x5C, 0x1A, 0x63, 0x12, 0x58, 0xD6, 0x9C, 0xF7, 0xA2, 0xDE, 0xF9, 0xDE, 0x14,
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
        ]
        let key = try Fixture.key()
        let message = Array("message".utf8)
        var signature = try key.signature(over: message)
        #expect(key.publicKey.isValid(signature: signature, over: message))
        var carry: UInt16 = 0
        for index in order.indices {
            let sum = UInt16(signature[32 + index]) + UInt16(order[index]) + carry
            signature[32 + index] = UInt8(sum & 0xFF)
            carry = sum >> 8
        }
        #expect(carry == 0)
        #expect(!key.publicKey.isValid(signature: signature, over: message))
    }
}
