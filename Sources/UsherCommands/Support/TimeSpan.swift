internal import ArgumentParser

/// A length of time as a person writes it: `90` (seconds), `15m`, `1h30m`, `2d`.
struct TimeSpan: Equatable, ExpressibleByArgument, CustomStringConvertible, Sendable {
    /// Longest length that is accepted: 366 days, in seconds.
    static let longest: Int64 = 31_622_400

    let seconds: Int64

    init(seconds: Int64) {
        self.seconds = seconds
    }

    /// Plain digits are seconds; otherwise each part has its unit, each unit stands once, larger ones first.
    init?(argument: String) {
        var total: Int64 = 0
        var number: Int64?
        var smallest = Int64.max
        for character in argument.utf8 {
            if (0x30...0x39).contains(character) {
                let next = (number ?? 0) * 10 + Int64(character - 0x30)
                guard next <= Self.longest else { return nil }
                number = next
            } else {
                guard let amount = number, let unit = Self.unit(character), unit < smallest else { return nil }
                // At most 31,622,400 × 86,400: no overflow.
                total += amount * unit
                smallest = unit
                number = nil
            }
        }
        if let number {
            // Digits without a unit stand alone.
            guard smallest == Int64.max else { return nil }
            total = number
        } else if smallest == Int64.max {
            return nil
        }
        guard total <= Self.longest else { return nil }
        seconds = total
    }

    private static func unit(_ character: UInt8) -> Int64? {
        switch character {
        case UInt8(ascii: "d"): 86_400
        case UInt8(ascii: "h"): 3600
        case UInt8(ascii: "m"): 60
        case UInt8(ascii: "s"): 1
        default: nil
        }
    }

    /// The two largest units that are not zero: `1h 30m`, `15m`, `8s`.
    var text: String {
        var rest = seconds.magnitude
        var parts: [String] = []
        for (unit, letter) in [(86_400, "d"), (3600, "h"), (60, "m"), (1, "s")] as [(UInt64, String)] {
            let amount = rest / unit
            rest %= unit
            if amount > 0, parts.count < 2 { parts.append("\(amount)\(letter)") }
        }
        return parts.isEmpty ? "0s" : parts.joined(separator: " ")
    }

    /// As it would be written on a command line.
    var description: String { text.filter { $0 != " " } }
}
