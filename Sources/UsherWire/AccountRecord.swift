/// The small files in `/run/usher/accounts` through which the agent tells the NSS module and the login
/// shell what is live. Written by the agent alone (root, 0644, renamed into place), read inside any process:
/// so the reader never allocates, bounds everything and takes a file that is not exactly right for none.
///
/// ```
/// usher-account 1                     usher-group 1
/// name u-k3j7x2mag5                   name usher-dba
/// uid 1954321987                      gid 2147420000
/// session s-abcdefghij234567          members u-k3j7x2mag5,u-aaaaaaaaaa
/// ses 42
/// shell /bin/bash
/// comment human:alice
/// groups 27,2147420000
/// ```
///
/// An account has two such files, named `NAME` and `uid.UID`; a role group `group.NAME` and `gid.GID`.
/// `groups` and `members` may be empty; every other value has at least one byte.
public enum AccountRecord {
    public static let accountHeader: StaticString = "usher-account 1"
    public static let groupHeader: StaticString = "usher-group 1"
    /// Longest account file; a longer one is taken for none.
    public static let accountBytes = 4096
    /// Longest group file (some 80,000 members).
    public static let groupBytes = 1_048_576

    /// Where a field's value stands. Nil unless the first line is the header, every line ends in a line
    /// feed, and exactly one line has this name.
    public static func field(_ name: StaticString, header: StaticString, in bytes: Span<UInt8>) -> Range<Int>? {
        guard bytes.count > 0, bytes[bytes.count - 1] == 0x0A else { return nil }
        var found: Range<Int>?
        var start = 0
        var line = 0
        while start < bytes.count {
            var end = start
            while bytes[end] != 0x0A {
                // Printable ASCII: anything else would break the line that a caller makes of the record.
                guard bytes[end] >= 0x20, bytes[end] < 0x7F else { return nil }
                end += 1
            }
            if line == 0 {
                guard end - start == header.utf8CodeUnitCount, hasPrefix(header, bytes, start, end) else { return nil }
            } else if hasPrefix(name, bytes, start, end) {
                let value = start + name.utf8CodeUnitCount
                if value < end, bytes[value] == 0x20 {
                    guard found == nil else { return nil }
                    found = (value + 1)..<end
                }
            }
            start = end + 1
            line += 1
        }
        return found
    }

    /// A decimal number of a field; nil unless it is digits without a leading zero that fit 32 bits.
    public static func number(_ range: Range<Int>, in bytes: Span<UInt8>) -> UInt32? {
        guard !range.isEmpty, range.count <= 10 else { return nil }
        guard range.count == 1 || bytes[range.lowerBound] != 0x30 else { return nil }
        var value: UInt64 = 0
        for index in range {
            guard bytes[index] >= 0x30, bytes[index] <= 0x39 else { return nil }
            value = value * 10 + UInt64(bytes[index] - 0x30)
        }
        return value <= UInt64(UInt32.max) ? UInt32(value) : nil
    }

    private static func hasPrefix(_ literal: StaticString, _ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
        guard end - start >= literal.utf8CodeUnitCount else { return false }
        for index in 0..<literal.utf8CodeUnitCount {
            // In bounds: index is below the literal's count, start + index below end.
            guard unsafe bytes[start + index] == literal.utf8Start[index] else { return false }
        }
        return true
    }
}
