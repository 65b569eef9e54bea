/// A point in time, printed: UTC for programs; for people the local clock and how far away it is.
struct Moment: Equatable, Sendable {
    /// Seconds since 1970-01-01 UTC.
    let seconds: Int64

    init(_ seconds: Int64) {
        self.seconds = seconds
    }

    /// ISO 8601 in UTC: `2025-11-21T09:46:00Z`.
    var iso: String {
        let fields = Self.fields(seconds)
        return "\(fields.date)T\(fields.time)Z"
    }

    /// A day or a moment of UTC as `iso` writes it: `2025-11-21` or `2025-11-21T09:46:00Z`.
    init?(iso text: String) {
        let whole = text.utf8.count == 10 ? text + "T00:00:00Z" : text
        let parts = whole.split { "-T:Z".contains($0) }.map { Int64($0) }
        guard parts.count == 6, let year = parts[0], let month = parts[1], let day = parts[2], let hour = parts[3],
            let minute = parts[4], let second = parts[5], (1970...9999).contains(year), (1...12).contains(month)
        else { return nil }
        // Days of a date: H. Hinnant, as below.
        let shifted = month <= 2 ? year - 1 : year
        let (era, yearOfEra) = shifted.flooredDivision(by: 400)
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
        self.init(days * 86_400 + hour * 3600 + minute * 60 + second)
        // Whatever is out of range or spelled in another way comes out as another text.
        guard iso == whole else { return nil }
    }

    /// The local date and time without the distance.
    func local(_ clock: Clock) -> String {
        let fields = Self.fields(seconds + clock.offset(seconds))
        return "\(fields.date) \(fields.time)"
    }

    /// - Parameter clock: what the reader's clock shows now, and how far it is from UTC.
    func cell(_ clock: Clock, tone: Tone = .plain) -> Cell {
        Cell(friendly: friendly(clock), plain: iso, tone: tone)
    }

    /// The local time, with the date unless it is today's, and the distance: `09:46:00 (3m ago)`.
    func friendly(_ clock: Clock) -> String {
        let local = Self.fields(seconds + clock.offset(seconds))
        let today = Self.fields(clock.now + clock.offset(clock.now))
        let shown = local.date == today.date ? local.time : "\(local.date) \(local.time)"
        return "\(shown) (\(distance(from: clock.now)))"
    }

    private func distance(from now: Int64) -> String {
        let (difference, overflow) = seconds.subtractingReportingOverflow(now)
        guard !overflow, difference != 0 else { return overflow ? "far away" : "now" }
        let length = TimeSpan(seconds: difference).text
        return difference > 0 ? "in \(length)" : "\(length) ago"
    }

    /// Days to a date of the Gregorian calendar: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    private static func fields(_ seconds: Int64) -> (date: String, time: String) {
        let (days, second) = seconds.flooredDivision(by: 86_400)
        let (era, dayOfEra) = (days + 719_468).flooredDivision(by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shifted + 2) / 5 + 1
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (
            "\(pad(year, 4))-\(pad(month))-\(pad(day))",
            "\(pad(second / 3600)):\(pad(second / 60 % 60)):\(pad(second % 60))"
        )
    }

    private static func pad(_ number: Int64, _ width: Int = 2) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}

/// The reader's clock.
struct Clock: Sendable {
    /// Seconds since 1970-01-01 UTC.
    var now: Int64
    /// Seconds that the local time is ahead of UTC at a time.
    var offset: @Sendable (Int64) -> Int64

    static func utc(now: Int64) -> Clock {
        Clock(now: now, offset: { _ in 0 })
    }
}

extension Int64 {
    fileprivate func flooredDivision(by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
