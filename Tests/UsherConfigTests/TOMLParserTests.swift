import Foundation
import Testing

@testable import UsherConfig

@Suite struct TOMLParserTests {
    func parse(_ text: String) throws(TOMLError) -> TOMLDocument { try TOMLParser.parse(text) }

    @Test func readsEveryKindOfValueThatUsherHas() throws {
        let document = try parse(
            #"""
            # a comment
            plain = 1_000   # behind a value
            negative = -7
            yes = true
            "quoted key" = "tab\t, quote \", \u00e9 and \U0001F600"
            'literal key' = 'C:\n'
            empty = ""
            list = [ "a", # one
              ["b", 'c'],
            ]
            inline = { a = 1, b = { c = [] } }
            dotted.inner = 2
            dotted.other.deep = 3
            [outer.table]
            x = 1
            [outer]
            y = 2
            [ spaced . name ]
            """#)
        #expect(
            document.members == [
                "plain": .integer(1000), "negative": .integer(-7), "yes": .boolean(true),
                "quoted key": .string("tab\t, quote \", é and 😀"), "literal key": .string("C:\\n"),
                "empty": .string(""), "list": .array([.string("a"), .array([.string("b"), .string("c")])]),
                "inline": .table(["a": .integer(1), "b": .table(["c": .array([])])]),
                "dotted": .table(["inner": .integer(2), "other": .table(["deep": .integer(3)])]),
                "outer": .table(["table": .table(["x": .integer(1)]), "y": .integer(2)]),
                "spaced": .table(["name": .table([:])]),
            ])
    }

    @Test func notesWhereEverythingStands() throws {
        let document = try parse(
            "\u{FEFF}a = 1\r\n  é = 2\n".replacing("é", with: "\"é\"") + "b = [1,\n\t2]\n[t]\nc={d=1}")
        #expect(
            document.positions == [
                ["a"]: TextPosition(line: 1, column: 1), ["é"]: TextPosition(line: 2, column: 3),
                ["b"]: TextPosition(line: 3, column: 1), ["b", "0"]: TextPosition(line: 3, column: 6),
                ["b", "1"]: TextPosition(line: 4, column: 2), ["t"]: TextPosition(line: 5, column: 1),
                ["t", "c"]: TextPosition(line: 6, column: 1), ["t", "c", "d"]: TextPosition(line: 6, column: 4),
            ])
    }

    @Test(arguments: [
        ("a", 1, 2), ("a =", 1, 4), ("= 1", 1, 1), ("a = 1 b = 2", 1, 7), ("a 1", 1, 3), ("a.=1", 1, 3),
        (".a = 1", 1, 1),
        ("a = 1\na = 2", 2, 1), ("a = 1\n\"a\" = 2", 2, 1), ("a = {b = 1, b = 2}", 1, 13), ("[t]\n[t]", 2, 1),
        ("t = 1\n[t]", 2, 1), ("t = 1\n[t.u]", 2, 1), ("[t]\nu = 1\n[t.u]", 3, 1), ("a.b = 1\n[a]", 2, 1),
        ("a = {b = 1}\na.c = 2", 2, 1), ("[a.b]\n[a]\nb.c = 1", 3, 1), ("a.b = 1\na.b.c = 2", 2, 1),
        ("a = 01", 1, 5), ("a = 1__0", 1, 5), ("a = _1", 1, 5), ("a = 1_", 1, 5), ("a = +", 1, 5), ("a = 0x1F", 1, 5),
        ("a = 9223372036854775808", 1, 5), ("a = 1.5", 1, 5), ("a = 1e3", 1, 5), ("a = inf", 1, 5), ("a = True", 1, 5),
        ("a = 2027-01-31", 1, 5), ("a = bare", 1, 5), ("a = \"x", 1, 5), ("a = 'x\n'", 1, 5),
        ("a = \"\"\"x\"\"\"", 1, 5),
        ("a = '''x'''", 1, 5), (#"a = "\x""#, 1, 6), (#"a = "\ud800""#, 1, 6), (#"a = "\u00g0""#, 1, 6),
        (#"a = "\U00110000""#, 1, 6), ("a = [1", 1, 7), ("a = [1 2]", 1, 8), ("a = [,]", 1, 6), ("a = {b = 1,}", 1, 12),
        ("a = {b = 1\n}", 1, 11), ("a = {b.c = 1}", 1, 7), ("a = {", 1, 6), ("[t", 1, 3), ("[]", 1, 2), ("[[t]]", 1, 2),
        ("[t] x", 1, 5), ("a = 1\r", 1, 6), ("a = 1 # \u{7}", 1, 9), ("a = \"\0\"", 1, 6), ("\u{FFFD}", 1, 1),
        ("a = [[[[[[[[[1]]]]]]]]]", 1, 13),
    ])
    func refusesEverythingElseWithItsPlace(text: String, line: Int, column: Int) {
        #expect { try parse(text) } throws: {
            ($0 as? TOMLError)?.position == TextPosition(line: line, column: column)
        }
    }

    @Test func aTextOfMoreThan64KibibytesIsRefused() throws {
        let comment = "#" + String(repeating: "x", count: 65_535)
        #expect(try parse(comment).members.isEmpty)
        #expect(throws: TOMLError.self) { try parse(comment + "x") }
    }

    @Test func integersReachBothEndsOfTheirRange() throws {
        let document = try parse("a = 9223372036854775807\nb = -9223372036854775808\nc = +0\nd = -0")
        #expect(document.members == ["a": .integer(.max), "b": .integer(.min), "c": .integer(0), "d": .integer(0)])
    }
}

/// Mutated texts: none traps, and what is accepted means the same to Python's tomllib.
@Suite struct TOMLDifferentialTests {
    static let seed = """
        skew = 30 # a
        name = "x\\u00e9\\"y" ; 'z' = 'lit\\eral'
        list = [ 1, ["a]", 'b'], { c = "d", e = -1 } , ]
        a.b = 1_0
        [key]
        "q\\"k".x = true
        [key.sub]
        kty = ''

        """.replacing(" ; ", with: "\n")

    /// Deterministic; constants of Knuth's MMIX generator.
    struct Generator {
        var state: UInt64

        mutating func below(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
    }

    static func mutants(_ count: Int) -> [String] {
        let tokens = [
            "[", "]", "{", "}", "\"", "'", "\"\"\"", "=", ".", ",", "#", "\\", "\n", "\r\n", "\u{FEFF}", "é", " ", "1",
            "_",
            "a", "\"a\"", "[key]", "a = 1", "0x1", "-",
        ]
        var generator = Generator(state: 2026)
        return (0..<count).map { _ in
            var text = Array(seed.utf8)
            for _ in 0...generator.below(2) {
                let index = generator.below(text.count)
                switch generator.below(3) {
                case 0: text.removeSubrange(index..<min(text.count, index + 1 + generator.below(4)))
                case 1: text.insert(contentsOf: Array(tokens[generator.below(tokens.count)].utf8), at: index)
                default: text[index] = UInt8(0x20 + generator.below(0x5F))
                }
            }
            return String(decoding: text, as: UTF8.self)
        }
    }

    static func plain(_ node: TOMLNode) -> Any {
        switch node {
        case .boolean(let value): value
        case .integer(let value): value
        case .string(let value): value
        case .array(let nodes): nodes.map { plain($0) }
        case .table(let members): members.mapValues { plain($0) }
        }
    }

    @Test func whatIsAcceptedMeansTheSameToTomllib() throws {
        var accepted: [[Any]] = []
        for text in Self.mutants(5000) {
            guard let document = try? TOMLParser.parse(text) else { continue }
            accepted.append([text, document.members.mapValues { Self.plain($0) }])
        }
        // Enough of both kinds for the comparison to mean something.
        #expect((500..<4500).contains(accepted.count))
        let script = """
            import json, sys, tomllib
            for text, ours in json.load(sys.stdin):
                theirs = tomllib.loads(text.removeprefix("\\ufeff"))
                assert repr_(theirs) == repr_(ours), (text, theirs, ours)
            print("same")
            """.replacing("repr_(", with: "(lambda value: json.dumps(value, sort_keys=True))(")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        process.arguments = ["-c", script]
        let (input, output) = (FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString), Pipe())
        try JSONSerialization.data(withJSONObject: accepted).write(to: input)
        defer { try? FileManager.default.removeItem(at: input) }
        process.standardInput = try FileHandle(forReadingFrom: input)
        process.standardOutput = output
        try process.run()
        let answer = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        #expect(String(decoding: answer, as: UTF8.self) == "same\n")
    }
}
