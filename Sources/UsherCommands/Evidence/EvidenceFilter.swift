internal import UsherEvidence
internal import UsherWire

/// Who the sessions of a log are: their later records need not repeat it.
struct SessionSubjects {
    private var known: [String: [String]] = [:]

    /// Subject, actor and owner of a record, or of its session.
    func of(_ line: EvidenceLine) -> [String] {
        let own = Self.names(line.record.details)
        return own.isEmpty ? line.session.flatMap { known[$0] } ?? [] : own
    }

    mutating func take(_ line: EvidenceLine) {
        guard let session = line.session, known[session] == nil else { return }
        let names = Self.names(line.record.details)
        if !names.isEmpty { known[session] = names }
    }

    private static func names(_ details: JSONObject) -> [String] {
        [details["subject"], details["actor"], details["owner"]].compactMap { value in
            guard case .string(let bytes)? = value else { return nil }
            return String(decoding: bytes, as: UTF8.self)
        }
    }
}

/// What a search looks for; of each list, one must match.
struct EvidenceFilter {
    var subjects: [String] = []
    var commands: [String] = []
    var files: [String] = []
    var sessions: [String] = []
    var kinds: [String] = []
    /// Milliseconds since 1970-01-01 UTC.
    var from: Int64?
    var to: Int64?

    func matches(_ line: EvidenceLine, _ known: SessionSubjects) -> Bool {
        let record = line.record
        if let from, record.milliseconds < from { return false }
        if let to, record.milliseconds >= to { return false }
        if !sessions.isEmpty, !sessions.contains(where: { $0 == line.session }) { return false }
        if !kinds.isEmpty, !kinds.contains(line.kind) { return false }
        if !subjects.isEmpty {
            let names = known.of(line)
            guard subjects.contains(where: { wanted in names.contains { $0.contains(wanted) } }) else { return false }
        }
        if !commands.isEmpty {
            guard holds(commands, [record.attributes["process"], record.details["arguments"]]) else { return false }
        }
        if !files.isEmpty {
            guard holds(files, [record.attributes["file"], record.details["file"], record.details["paths"]]) else {
                return false
            }
        }
        return true
    }

    private func holds(_ wanted: [String], _ values: [JSONValue?]) -> Bool {
        wanted.contains { text in values.contains { $0.map { holds(Array(text.utf8), $0) } ?? false } }
    }

    /// Whether a text stands somewhere in the value; bytes that are no text stand there in hexadecimal.
    private func holds(_ wanted: [UInt8], _ value: JSONValue) -> Bool {
        switch value {
        case .string(let bytes): bytes.contains(bytes: wanted)
        case .array(let values): values.contains { holds(wanted, $0) }
        case .object(let object): object.members.contains { holds(wanted, $0.value) }
        case .null, .boolean, .integer: false
        }
    }
}
