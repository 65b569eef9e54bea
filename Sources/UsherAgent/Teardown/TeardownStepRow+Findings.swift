internal import UsherEvidence
internal import UsherStore
internal import UsherWire

/// Steps as rows: findings are a JSON array of `{"kind", "what", "count"}`.
extension TeardownStepRow {
    init(_ step: TeardownStep) {
        self.init(
            step: step.name.rawValue, microseconds: step.microseconds, attempts: Int64(step.attempts),
            removed: Self.text(step.removed), left: Self.text(step.left))
    }

    static func text(_ findings: [Finding]) -> String {
        var writer = JSONWriter(sink: [UInt8]())
        writer.beginArray()
        for finding in findings {
            writer.beginObject()
            writer.name("kind")
            writer.string(Array(finding.kind.utf8).span)
            writer.name("what")
            writer.string(Array(finding.what.utf8).span)
            writer.name("count")
            writer.integer(Int64(finding.count))
            writer.endObject()
        }
        writer.endArray()
        return String(decoding: writer.sink, as: UTF8.self)
    }
}

extension TeardownStep {
    /// - Throws: when the row is not one that this version writes.
    init(_ row: TeardownStepRow) throws {
        guard let name = Name(rawValue: row.step) else {
            throw StoreError.unavailable("the teardown step \(row.step) is unknown")
        }
        self.init(
            name: name, microseconds: row.microseconds, attempts: Int(row.attempts),
            removed: try Self.findings(row.removed), left: try Self.findings(row.left))
    }

    static func findings(_ text: String) throws -> [Finding] {
        guard case .array(let values) = try JSONParser.parse(Array(text.utf8).span) else {
            throw StoreError.unavailable("the findings of a teardown step are no array")
        }
        return try values.map { value in
            guard case .object(let object) = value, case .string(let kind)? = object["kind"],
                case .string(let what)? = object["what"], case .integer(let count)? = object["count"]
            else { throw StoreError.unavailable("a finding of a teardown step is not readable") }
            return Finding(
                kind: String(decoding: kind, as: UTF8.self), what: String(decoding: what, as: UTF8.self),
                count: Int(count))
        }
    }
}
