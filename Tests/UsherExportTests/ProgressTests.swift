import Testing
import UsherEvidence

@testable import UsherExport

@Suite struct ResendWindowTests {
    private func position(_ sequence: Int64) -> LogPosition {
        LogPosition(sequence: sequence, hash: LineHash(of: Array("\(sequence)".utf8)))
    }

    @Test func aNewConnectionBeginsAtLeastTheLimitBeforeThePlaceReached() {
        var window = ResendWindow(limit: 1000, reached: .start, resend: .start)
        for number in 1...100 as ClosedRange<Int64> {
            window.advance(to: position(number), bytes: 300)
            #expect(window.reached == position(number))
            // Four lines are the fewest that have 1000 bytes.
            #expect(window.start == (number <= 4 ? .start : position(number - 4)))
        }
    }

    @Test func linesThatAreSentAgainMoveNothing() {
        var window = ResendWindow(limit: 1000, reached: position(50), resend: position(40))
        window.advance(to: position(45), bytes: 100_000)
        #expect(window.reached == position(50) && window.start == position(40))
        window.advance(to: position(51), bytes: 400)
        // How much lies between 40 and 50 is not known, so it stays.
        #expect(window.reached == position(51) && window.start == position(40))
        window.advance(to: position(52), bytes: 400)
        window.advance(to: position(53), bytes: 400)
        #expect(window.start == position(50))
    }

    @Test func whatTheReceiverHasReadIsNotSentAgain() {
        var window = ResendWindow(limit: 1000, reached: .start, resend: .start)
        window.advance(to: position(7), bytes: 10)
        window.confirm()
        #expect(window.start == position(7))
        window.advance(to: position(8), bytes: 10)
        #expect(window.start == position(7))
    }
}

@Suite struct ExportCursorTests {
    private let hash = LineHash(of: [1])

    @Test func whatIsWrittenIsRead() {
        for reached in [LogPosition(sequence: 7, hash: hash), LogPosition(sequence: 7, hash: nil)] {
            let cursor = ExportCursor(destination: "syslog \"a\":1", reached: reached, resend: .start)
            #expect(ExportCursor(cursor.bytes) == cursor)
        }
    }

    @Test func everyPartOfItIsNeeded() {
        let cursor = ExportCursor(
            destination: "x", reached: LogPosition(sequence: 7, hash: hash),
            resend: LogPosition(sequence: 5, hash: hash))
        let bytes = cursor.bytes
        for length in 0..<(bytes.count - 1) { #expect(ExportCursor(Array(bytes[..<length])) == nil) }
        let text = String(decoding: bytes, as: UTF8.self)
        for (old, new) in [
            ("\"version\":1", "\"version\":2"), ("\"sequence\":7", "\"sequence\":-7"),
            ("\"sequence\":7", "\"sequence\":4"), ("\"sequence\":7", "\"sequence\":\"7\""),
            ("\"destination\":\"x\"", "\"destination\":1"),
            ("\"version\":1", "\"version\":1,\"more\":1"), (hash.description, "beef"),
        ] {
            #expect(text.contains(old))
            #expect(ExportCursor(Array(text.replacing(old, with: new).utf8)) == nil, "\(old) → \(new)")
        }
    }
}

@Suite struct BackOffTests {
    @Test func itDoublesUpToAMinuteAndBeginsAnew() {
        var backOff = BackOff()
        #expect(!backOff.hasFailed)
        #expect((0..<8).map { _ in backOff.next() } == [1, 2, 4, 8, 16, 32, 60, 60])
        #expect(backOff.hasFailed)
        backOff.reset()
        #expect(backOff.next() == 1)
    }
}
