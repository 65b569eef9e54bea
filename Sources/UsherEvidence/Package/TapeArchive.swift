/// Why bytes are not an archive of ours.
public struct ArchiveError: Error, Equatable, Sendable, CustomStringConvertible {
    public var detail: String

    init(_ detail: String) {
        self.detail = detail
    }

    public var description: String { detail }
}

/// A file in an archive.
public struct ArchiveEntry: Sendable, Equatable {
    public var name: String
    public var bytes: [UInt8]

    public init(name: String, bytes: [UInt8]) {
        self.name = name
        self.bytes = bytes
    }
}

/// Archives of regular files in the form that every tar(1) reads: ustar, IEEE Std 1003.1-2017, pax, "ustar Interchange
/// Format". What is read is held to exactly the form that is written: other kinds of files, other names, and bytes
/// behind the end are refused.
public enum TapeArchive {
    /// Of a whole archive.
    public static let longest = 512 << 20
    private static let block = 512
    private static let mostEntries = 64

    /// - Parameter seconds: the time that each file is given, since 1970-01-01 UTC.
    public static func encode(_ entries: [ArchiveEntry], at seconds: Int64) -> [UInt8] {
        var bytes: [UInt8] = []
        for entry in entries {
            bytes += header(entry, seconds)
            bytes += entry.bytes
            bytes += [UInt8](repeating: 0, count: padding(entry.bytes.count))
        }
        return bytes + [UInt8](repeating: 0, count: 2 * block)
    }

    public static func decode(_ bytes: [UInt8]) throws(ArchiveError) -> [ArchiveEntry] {
        guard bytes.count <= longest, bytes.count % block == 0 else {
            throw ArchiveError("its size is not that of an archive")
        }
        var entries: [ArchiveEntry] = []
        var position = 0
        while position + block <= bytes.count, bytes[position] != 0 {
            let (entry, end) = try entry(bytes, position)
            guard !entries.contains(where: { $0.name == entry.name }) else {
                throw ArchiveError("it holds \(entry.name) twice")
            }
            guard entries.count < mostEntries else { throw ArchiveError("it holds more than \(mostEntries) files") }
            entries.append(entry)
            position = end
        }
        guard bytes.count == position + 2 * block, bytes[position...].allSatisfy({ $0 == 0 }) else {
            throw ArchiveError("it does not end as an archive does")
        }
        return entries
    }

    /// Whether bytes begin as an archive does.
    public static func isArchive(_ bytes: [UInt8]) -> Bool {
        bytes.count >= block && bytes[257..<263].elementsEqual("ustar\u{0}".utf8)
    }

    private static func entry(_ bytes: [UInt8], _ start: Int) throws(ArchiveError) -> (ArchiveEntry, end: Int) {
        let head = Array(bytes[start..<(start + block)])
        let name = String(decoding: head[..<100].prefix { $0 != 0 }, as: UTF8.self)
        guard isName(name) else { throw ArchiveError("it holds a file of a name that does not belong there") }
        guard let size = number(head[124..<136]), let seconds = number(head[136..<148]) else {
            throw ArchiveError("\(name): size or time is no number")
        }
        let body = start + block
        guard size <= bytes.count - body else { throw ArchiveError("\(name) is cut") }
        let entry = ArchiveEntry(name: name, bytes: Array(bytes[body..<(body + size)]))
        let end = body + size + padding(size)
        // Everything else in a header follows from name, size and time.
        guard head == header(entry, Int64(seconds)), end <= bytes.count,
            bytes[(body + size)..<end].allSatisfy({ $0 == 0 })
        else { throw ArchiveError("\(name): its header is not as it is written") }
        return (entry, end)
    }

    private static func header(_ entry: ArchiveEntry, _ seconds: Int64) -> [UInt8] {
        var head = [UInt8](repeating: 0, count: block)
        func put(_ text: String, at offset: Int) {
            for (index, byte) in text.utf8.enumerated() { head[offset + index] = byte }
        }
        put(String(entry.name.prefix(99)), at: 0)
        put("0000644", at: 100)
        put("0000000", at: 108)
        put("0000000", at: 116)
        put(octal(Int64(entry.bytes.count)), at: 124)
        put(octal(max(0, seconds)), at: 136)
        put("        ", at: 148)
        put("0", at: 156)
        put("ustar", at: 257)
        put("00", at: 263)
        put("root", at: 265)
        put("root", at: 297)
        put("0000000", at: 329)
        put("0000000", at: 337)
        let sum = head.reduce(0) { $0 + Int64($1) }
        put(String(octal(sum).suffix(6)) + "\u{0} ", at: 148)
        return head
    }

    private static func octal(_ number: Int64) -> String {
        let digits = String(number, radix: 8)
        return String(repeating: "0", count: max(0, 11 - digits.count)) + digits
    }

    private static func number(_ field: ArraySlice<UInt8>) -> Int? {
        guard field.last == 0 else { return nil }
        return Int(String(decoding: field.dropLast(), as: UTF8.self), radix: 8).flatMap { $0 >= 0 ? $0 : nil }
    }

    private static func padding(_ count: Int) -> Int { (block - count % block) % block }

    /// Letters, digits, `.`, `-`, `_`, and at most one `/` with something on both sides.
    private static func isName(_ name: String) -> Bool {
        let parts = name.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        return (1...2).contains(parts.count) && (1...99).contains(name.utf8.count)
            && parts.allSatisfy { part in
                guard let first = part.first, first != UInt8(ascii: ".") else { return false }
                return part.allSatisfy { byte in
                    switch byte {
                    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "."), UInt8(ascii: "-"),
                        UInt8(ascii: "_"):
                        true
                    default: false
                    }
                }
            }
    }
}
