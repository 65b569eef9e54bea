/// A pattern over bytes: `*` is any number of them, slashes too, `?` is one, everything else itself.
public struct Glob: Sendable, Hashable, CustomStringConvertible {
    private let pattern: [UInt8]

    public init(_ pattern: String) {
        self.pattern = Array(pattern.utf8)
    }

    public var description: String { String(decoding: pattern, as: UTF8.self) }

    /// Whether the whole text is of the pattern. Costs at most the product of both lengths.
    public func matches(_ text: [UInt8]) -> Bool {
        var (position, index) = (0, 0)
        var star: (pattern: Int, text: Int)?
        while position < text.count {
            if index < pattern.count, pattern[index] == UInt8(ascii: "*") {
                star = (index, position)
                index += 1
            } else if index < pattern.count, pattern[index] == UInt8(ascii: "?") || pattern[index] == text[position] {
                index += 1
                position += 1
            } else if let last = star {
                // The star takes one more.
                star = (last.pattern, last.text + 1)
                index = last.pattern + 1
                position = last.text + 1
            } else {
                return false
            }
        }
        return pattern[index...].allSatisfy { $0 == UInt8(ascii: "*") }
    }

    static func any(_ globs: [Glob], match text: [UInt8]?) -> Bool {
        guard let text else { return false }
        return globs.contains { $0.matches(text) }
    }
}
