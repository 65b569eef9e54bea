/// When a session is warned of its end. The points count backwards from it; a point that had passed when the end became
/// known is left out, as the operator was told the end then (or a restarted agent's predecessor warned).
struct WarningLadder: Sendable {
    private var end: Int64?
    /// Seconds before the end, largest first.
    private var points: [Int64] = []

    /// The seconds of the warning that is due, if one is; each is due once. After a pause the smallest alone is.
    ///
    /// - Parameters:
    ///   - before: seconds before the end.
    ///   - end, now: boot clock, nanoseconds.
    mutating func due(_ before: [Int64], end: Int64, now: Int64) -> Int64? {
        if self.end != end {
            self.end = end
            points = before.filter { end - $0 * 1_000_000_000 > now }.sorted(by: >)
        }
        let reached = points.prefix { end - $0 * 1_000_000_000 <= now }
        points.removeFirst(reached.count)
        return now < end ? reached.last : nil
    }
}
