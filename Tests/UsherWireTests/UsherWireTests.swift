import Testing
import UsherWire

@Suite struct JSONParserTests {
    func parse(_ text: String) throws(JSONError) -> JSONValue {
        try JSONParser.parse(Array(text.utf8).span)
    }

    @Test func acceptsEveryKindOfValueItKnows() throws {
        let value = try parse(#" {"a": [1, -2, 0], "b": {"c": "x\u00e9\n\ud83d\ude00"}, "d": true, "e": null} "#)
        guard case .object(let object) = value else {
            Issue.record("not an object")
            return
        }
        #expect(object["a"] == .array([.integer(1), .integer(-2), .integer(0)]))
        #expect(object["d"] == .boolean(true))
        #expect(object["e"] == .null)
        guard case .object(let inner)? = object["b"] else {
            Issue.record("no inner object")
            return
        }
        #expect(inner["c"] == .string(Array("xé\n😀".utf8)))
    }

    @Test(arguments: [
        ("", JSONError.Code.truncated, 0), ("{", .truncated, 1), ("{}x", .trailingBytes, 2),
        (#"{"a":1,"a":2}"#, .duplicateName, 7), (#"{"a":1,"\u0061":2}"#, .duplicateName, 7),
        ("1.5", .notAnInteger, 1), ("1e3", .notAnInteger, 1), ("01", .notAnInteger, 0), ("-", .notAnInteger, 0),
        ("9223372036854775808", .integerOutOfRange, 0), (#""\ud800""#, .invalidString, 1),
        ("\"a\u{01}\"", .invalidString, 2), (#""\x""#, .invalidString, 1), ("[1,]", .unexpectedByte, 3),
        ("[[[[[[[[[1]]]]]]]]]", .tooDeep, 8), ("tru", .truncated, 3), ("nul!", .unexpectedByte, 3),
    ])
    func refuses(text: String, code: JSONError.Code, offset: Int) {
        #expect(throws: JSONError(code: code, offset: offset)) { try parse(text) }
    }

    @Test func integersReachBothEndsOfTheirRange() throws {
        #expect(try parse("9223372036854775807") == .integer(.max))
        #expect(try parse("-9223372036854775808") == .integer(.min))
    }

    @Test(
        arguments: [
            [0xC0, 0x80], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0x80], [0xFF], [0xC3],
        ] as [[UInt8]])
    func refusesWhatIsNotUTF8(bytes: [UInt8]) {
        let text = [UInt8(ascii: "\"")] + bytes + [UInt8(ascii: "\"")]
        #expect(throws: JSONError.self) { try JSONParser.parse(text.span) }
    }

    @Test func whatTheWriterWritesTheParserReads() throws {
        let value = try parse(
            #"{"a":[1,-9223372036854775808,9223372036854775807,"\u0000\"\\é"],"b":{"c":false},"d":[]}"#)
        var writer = JSONWriter(sink: [UInt8]())
        writer.value(value)
        #expect(try JSONParser.parse(writer.sink.span) == value)
    }

    /// Every prefix and every single-byte change of a valid call is read or refused, never trapped on.
    @Test func survivesMutation() {
        let call = Array(
            #"{"method":"io.usher.Agent.Authorize","parameters":{"login":{"user":"u-é"},"n":[1,true]}}"#.utf8)
        for length in 0..<call.count {
            #expect(VarlinkCall.parse(Array(call[..<length]).span) == nil)
        }
        for position in call.indices {
            for byte in UInt8.min...UInt8.max {
                var changed = call
                changed[position] = byte
                if let read = VarlinkCall.parse(changed.span) {
                    #expect(VarlinkCall.parse(Array(read.frame().dropLast()).span) == read)
                }
            }
        }
    }
}

@Suite struct VarlinkReplyTests {
    @Test(arguments: ["{}", "[]", "", #"{"parameters":1}"#, #"{"parameters":{},"continues":true}"#, #"{"error":1}"#])
    func whatSaysNothingOrTooMuchIsNoReply(text: String) {
        #expect(VarlinkReply.parse(Array(text.utf8).span) == nil)
    }

    @Test func aReplyIsReadAsItWasWritten() {
        let reply = VarlinkReply(error: Array("io.usher.Agent.Refused".utf8))
        #expect(VarlinkReply.parse(Array(reply.frame().dropLast()).span) == reply)
        #expect(VarlinkReply.parse(Array(#"{"parameters":{}}"#.utf8).span) == VarlinkReply())
    }
}

@Suite struct EphemeralAccountTests {
    func uid(_ name: String) -> UInt32? { EphemeralAccount.uid(ofName: Array(name.utf8).span) }
    func gid(_ name: String) -> UInt32? { RoleGroup.gid(ofName: Array(name.utf8).span) }

    @Test func theUidIsThe50BitsModuloTheRange() {
        #expect(uid("u-aaaaaaaaaa") == 1_879_048_192)
        #expect(uid("u-aaaaaaaaab") == 1_879_048_193)
        // 2^50 - 1 mod 268304384, worked out with bc.
        let last = UInt32((UInt64(1) << 50 - 1) % 268_304_384)
        #expect(uid("u-7777777777") == 1_879_048_192 + last)
        #expect(EphemeralAccount.lastUID == 2_147_352_575)
    }

    @Test(arguments: [
        "u-aaaaaaaaa", "u-aaaaaaaaaaa", "u-aaaaaaaaa1", "u-AAAAAAAAAA", "v-aaaaaaaaaa", "u_aaaaaaaaaa", "",
    ])
    func otherNamesAreNotEphemeral(name: String) {
        #expect(uid(name) == nil)
    }

    @Test func aMadeNameHasTheFormAndAUidInTheRange() throws {
        let name = EphemeralAccount.name(random: [0xFF, 0x00, 0xAA, 0x55, 0x12, 0x34, 0x56])
        #expect(String(decoding: name, as: UTF8.self) == "u-74akuvisgr")
        let number = try #require(uid(String(decoding: name, as: UTF8.self)))
        #expect(EphemeralAccount.contains(uid: number))
    }

    @Test func roleGroupsHaveTheirOwnRange() throws {
        let number = try #require(gid("usher-dba"))
        #expect(number >= RoleGroup.firstGID && number < RoleGroup.firstGID + RoleGroup.gidCount)
        #expect(gid("usher-") == nil)
        #expect(gid("usher-DBA") == nil)
        #expect(gid("docker") == nil)
    }
}

@Suite struct AccountRecordTests {
    let file = Array("usher-account 1\nname u-aaaaaaaaaa\nuid 1879048192\ngroups \n".utf8)

    func value(_ name: StaticString, _ bytes: [UInt8]) -> String? {
        AccountRecord.field(name, header: AccountRecord.accountHeader, in: bytes.span)
            .map { String(decoding: bytes[$0], as: UTF8.self) }
    }

    @Test func findsFieldsByTheirWholeName() {
        #expect(value("name", file) == "u-aaaaaaaaaa")
        #expect(value("groups", file) == "")
        #expect(value("nam", file) == nil)
        #expect(value("shell", file) == nil)
    }

    @Test(arguments: [
        "", "\n", "usher-account 2\nname x\n", "usher-account 1\nname x", "usher-account 1\nname x\nname y\n",
        "usher-account 1\nname a\tb\n", "name x\n", "usher-account 1 \nname x\n",
    ])
    func takesAFileThatIsNotExactlyRightForNone(text: String) {
        #expect(value("name", Array(text.utf8)) == nil)
    }

    @Test func numbersAreWhole() {
        func number(_ text: String) -> UInt32? {
            AccountRecord.number(0..<text.utf8.count, in: Array(text.utf8).span)
        }
        #expect(number("4294967295") == .max)
        #expect(number("0") == 0)
        for wrong in ["4294967296", "01", "", "-1", "1 ", "99999999999"] { #expect(number(wrong) == nil) }
    }
}
