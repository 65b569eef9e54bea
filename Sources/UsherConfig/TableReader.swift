/// Reads a table key by key, collects every mistake, and in the end refuses the keys that nobody asked for.
struct TableReader {
    let source: SourceText
    private let members: [String: TOMLNode]
    private var known: Set<String> = []
    private(set) var diagnostics: [Diagnostic] = []

    init(file: String, text: String) throws(ConfigurationError) {
        (source, members) = try SourceText.parse(file: file, text: text)
    }

    /// The value of a key, its default, or nil with a diagnostic.
    mutating func read<Value>(_ key: Key<Value>) -> Value? {
        known.insert(key.name)
        guard let node = members[key.name] else {
            if let fallback = key.fallback { return fallback.value }
            report("\(key.name) is missing: \(key.form)")
            return nil
        }
        do {
            return try key.convert(node)
        } catch {
            report("\(key.name) \(error.message)", at: key.name, part: error.part)
            return nil
        }
    }

    /// Whether the file gives the key, right or wrong.
    func has(_ name: String) -> Bool { members[name] != nil }

    mutating func report(_ message: String, at key: String? = nil, part: String? = nil) {
        diagnostics.append(source.diagnostic(message, at: [key, part].compactMap { $0 }))
    }

    /// Throws everything that was wrong, in the order of the lines.
    mutating func finish() throws(ConfigurationError) {
        for name in members.keys.sorted() where !known.contains(name) {
            let choices = known.sorted().joined(separator: ", ")
            report("unknown key \"\(name)\"; known are \(choices)", at: name)
        }
        guard diagnostics.isEmpty else {
            throw ConfigurationError(diagnostics: diagnostics.sorted { ($0.line, $0.column) < ($1.line, $1.column) })
        }
    }
}
