internal import ArgumentParser

/// An administrator's words for a record.
enum Reason {
    static func check(_ reason: String) throws {
        guard (1...200).contains(reason.utf8.count), reason == Printable.line(reason),
            reason.contains(where: { !$0.isWhitespace })
        else { throw ValidationError("--reason must be one line of 1 to 200 bytes without control characters") }
    }
}
