/// How the files of a log are called: `evidence.jsonl` is written to, `evidence-N.jsonl` was, and begins with line N.
public enum EvidenceFiles {
    public static let directory = "/var/log/usher"
    public static let current = "evidence.jsonl"
    /// Disk space that is set aside.
    public static let reserve = "reserve"

    public static func rotated(first sequence: Int64) -> String { "evidence-\(sequence).jsonl" }

    /// The number in the name of a file that is written no more; nil for other names.
    public static func first(of name: String) -> Int64? {
        guard name.hasPrefix("evidence-"), name.hasSuffix(".jsonl") else { return nil }
        return number(name.dropFirst("evidence-".count).dropLast(".jsonl".count))
    }

    /// What a crash left of a line that was to become this one.
    public static func cut(sequence: Int64, milliseconds: Int64) -> String { "cut-\(sequence)-\(milliseconds).bin" }

    /// The line that a file of a cut line was to become; nil for other names.
    public static func cutSequence(of name: String) -> Int64? {
        guard name.hasPrefix("cut-"), name.hasSuffix(".bin") else { return nil }
        return number(name.dropFirst("cut-".count).prefix { $0 != "-" })
    }

    /// The names of a directory that are files of a log, in the order of their lines.
    public static func ordered(_ names: [String]) -> [String] {
        let rotated = names.compactMap { name in first(of: name).map { (name, $0) } }.sorted { $0.1 < $1.1 }
        return rotated.map(\.0) + names.filter { $0 == current }
    }

    private static func number(_ text: Substring) -> Int64? {
        guard let number = Int64(text), number > 0, String(number) == text else { return nil }
        return number
    }
}
