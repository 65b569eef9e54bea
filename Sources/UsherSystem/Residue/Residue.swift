/// Something that outlived the processes of a session.
public struct Residue: Sendable, Equatable {
    /// One word of the kind: `file`, `directory`, `shared-memory` …
    public var kind: String
    /// Which one, at most 256 bytes, without control characters.
    public var what: String
    public var count: Int

    public init(kind: String, what: String, count: Int = 1) {
        self.kind = kind
        self.what = what
        self.count = count
    }
}

/// A list of residue that stays short whatever a session has left: the first of each kind by name, the rest counted.
public struct ResidueTally: Sendable {
    /// How many of a kind are told one by one.
    public static let named = 24

    private var items: [Residue] = []
    private var others: [String: Int] = [:]

    public init() {}

    public var isEmpty: Bool { items.isEmpty }

    /// What was added, the counted rest of each kind last.
    public var list: [Residue] {
        items
            + others.sorted { $0.key < $1.key }.map { kind, count in
                Residue(kind: kind, what: "others", count: count)
            }
    }

    /// Adds one, or what was found below it. One that is named already is not added again.
    public mutating func add(_ kind: String, _ what: [UInt8], count: Int = 1) {
        let residue = Residue(kind: kind, what: Self.printable(what), count: count)
        if items.contains(residue) { return }
        guard items.count(where: { $0.kind == kind }) < Self.named else {
            others[kind, default: 0] += count
            return
        }
        items.append(residue)
    }

    public mutating func add(_ kind: String, _ what: String, count: Int = 1) {
        add(kind, Array(what.utf8), count: count)
    }

    /// Names of files are any bytes but NUL and slash; a log or a receipt must not be steered by them.
    public static func printable(_ bytes: [UInt8]) -> String {
        let limit = 256
        let clean = bytes.map { byte in byte < 0x20 || byte == 0x7F ? UInt8(ascii: "?") : byte }
        var text = String(decoding: clean, as: UTF8.self)
        // C1 controls and the marks that turn the direction of writing, which UTF-8 can carry.
        text.unicodeScalars.removeAll { scalar in
            (0x80...0x9F).contains(scalar.value) || (0x200B...0x200F).contains(scalar.value)
                || (0x2028...0x202E).contains(scalar.value) || (0x2066...0x2069).contains(scalar.value)
        }
        guard text.utf8.count > limit else { return text }
        while text.utf8.count > limit - 3 { text.removeLast() }
        return text + "…"
    }
}
