import Foundation
import Testing

@testable import UsherAudit

@Suite("auditd's stream")
struct StreamTests {
    @Test("it does not matter where the reads cut it", arguments: [1, 2, 7, 63, 4096])
    func chunks(size: Int) {
        let text = Logs.command + Logs.daemon
        let cut = outcome(of: text, chunk: size, filters: false)
        #expect(cut.events == outcome(of: text, filters: false).events)
        #expect(cut.events.count == 2 && cut.gaps.isEmpty)
    }

    @Test("records of several processors come interleaved")
    func interleaved() {
        let first = Logs.command.split(separator: "\n")
        let second = Logs.command.replacingOccurrences(of: ":500)", with: ":777)").split(separator: "\n")
        let mixed = zip(first, second).map { "\($0)\n\($1)\n" }.joined()
        let found = outcome(of: mixed)
        #expect(found.events.map(\.records) == [5, 5])
        #expect(Set(found.events.map(\.stamp.serial)) == [500, 777])
    }

    @Test("the filter lets nobody's system calls go, and is as right as a full parse")
    func filter() throws {
        var text = Logs.command + Logs.daemon
        // Ours by the key alone (an existing account that a role names), with several keys, and by nothing.
        for (number, auid, key) in [
            (502, "1000", "\"usher-exec\""), (503, "1000", "73697465017573686572 2D6E6574".filter { $0 != " " }),
            (504, "1000", "7369746501736974652D75736865722D"), (505, "1879048191", "\"x\""),
            (506, "2147352576", "(null)"),
            (507, "2147352575", "(null)"), (508, "1879048192", "(null)"),
        ] {
            text += Logs.command.replacingOccurrences(of: ":500)", with: ":\(number))")
                .replacingOccurrences(of: "auid=1879050000", with: "auid=\(auid)")
                .replacingOccurrences(of: "\"usher-exec\"", with: key)
        }
        for (_, foreign) in try Logs.foreign() { text += foreign }
        let all = outcome(of: text, filters: false).events
        let kept = outcome(of: text).events
        #expect(kept == all.filter(isWanted))
        #expect(Set([500, 502, 503, 507, 508]).isSubset(of: Set(kept.map(\.stamp.serial))))
        #expect(Set([501, 504, 505, 506]).isDisjoint(with: Set(kept.map(\.stamp.serial))))
    }

    /// The filter's rule once more, on parsed events.
    private func isWanted(_ event: AuditEvent) -> Bool {
        guard event.systemCall != nil, event.type == "SYSCALL" || event.type == "AVC" else { return true }
        return (1_879_048_192...2_147_352_575).contains(event.process?.auid ?? 0)
            || event.keys.contains { $0.hasPrefix("usher-") }
    }

    @Test("what does not fit is dropped, counted and told with its interval, in its place")
    func overflow() {
        var stream = AuditStream(room: 8192)
        for number in 0..<20 {
            let event = Logs.command.replacingOccurrences(of: ".101:500)", with: ".\(200 + number):\(600 + number))")
            stream.take(Array(event.utf8), now: 0, clock: 0)
        }
        #expect(stream.queuedBytes <= 8192)
        var kept = 0
        var gap: EvidenceGap?
        while let item = stream.next() {
            if case .gap(let found) = item { gap = found } else { kept += 1 }
        }
        #expect(kept > 0 && gap?.cause == .pluginDropped && gap?.lost == 20 - kept)
        #expect(gap?.from == 1_795_280_000_200 + Int64(kept) && gap?.to == 1_795_280_000_219)
        #expect(stream.isDrained)
    }

    @Test("lines that are no records are counted, a line without an end is not kept")
    func malformed() {
        let long = "type=SYSCALL msg=audit(1.000:1): " + String(repeating: "x", count: 100_000)
        let found = outcome(of: "garbage\n\n" + Logs.command + long + "\ntype=X\n" + Logs.daemon, chunk: 1000)
        #expect(found.events.map(\.stamp.serial) == [500])
        #expect(found.gaps.allSatisfy { $0.cause == .streamMalformed })
        #expect(found.gaps.reduce(0) { $0 + ($1.lost ?? 0) } == 3)
    }

    @Test("an event that is too large is kept as far as it goes and says so")
    func large() throws {
        var lines = Logs.command.split(separator: "\n").map(String.init)
        let more = (3..<300).map { number in
            "type=EXECVE msg=audit(1795280000.101:500): a\(number)=\"\(String(repeating: "y", count: 7000))\""
        }
        lines.insert(contentsOf: more, at: 2)
        let event = try #require(outcome(of: lines.joined(separator: "\n") + "\n").events.first)
        #expect(event.command?.isCut == true && event.records == 302)
        #expect((event.command?.arguments.count ?? 0) > 10)
    }

    @Test("mutated records never crash the parser, and nothing grows")
    func mutations() throws {
        var texts = [Logs.command, Logs.daemon]
        for (_, text) in try Logs.foreign() { texts.append(text) }
        var random = Generator(state: 42)
        for _ in 0..<3000 {
            var bytes = Array(texts[Int(random.next() % UInt64(texts.count))].utf8)
            for _ in 0..<(1 + random.next() % 12) {
                let place = Int(random.next() % UInt64(bytes.count))
                switch random.next() % 6 {
                case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes.remove(at: place)
                case 2: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: place)
                case 3: bytes.removeSubrange(place..<min(place + 40, bytes.count))
                case 4: bytes.insert(contentsOf: bytes[place..<min(place + 60, bytes.count)], at: place)
                default: bytes.insert(contentsOf: "\"'[]()=\u{1D}9999999999999999999999 a4095=\"x\"".utf8, at: place)
                }
                if bytes.isEmpty { bytes = [0x0A] }
            }
            let found = outcome(of: bytes, chunk: 500)
            #expect(found.events.allSatisfy { ($0.command?.arguments.count ?? 0) <= EventParser.arguments })
            #expect(found.largestQueue <= 2 * bytes.count + 64 * 128)
        }
    }
}

/// The same numbers each time (SplitMix64).
struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
