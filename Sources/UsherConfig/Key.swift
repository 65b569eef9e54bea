/// Why a value is not what its key takes; the rest of the sentence "KEY …".
struct ValueProblem: Error {
    var message: String
    /// The element of a list (by its number from 0) or the member of a table at fault.
    var part: String?

    init(_ message: String, part: String? = nil) {
        self.message = message
        self.part = part
    }
}

/// A key of a file: the one place for its name, what it takes, its default and its documentation.
struct Key<Value: Sendable>: Sendable {
    let name: String
    /// What it takes, for messages and for the reference: "integer, 0 to 60".
    let form: String
    /// Nil for a key that must be given.
    let fallback: Fallback?
    /// One sentence or more for the reference.
    let summary: String
    let convert: @Sendable (TOMLNode) throws(ValueProblem) -> Value

    struct Fallback: Sendable {
        let value: Value
        /// How the reference shows it.
        let text: String
    }

    init(
        _ name: String, _ form: String, fallback: Fallback? = nil, _ summary: String,
        convert: @escaping @Sendable (TOMLNode) throws(ValueProblem) -> Value
    ) {
        self.name = name
        self.form = form
        self.fallback = fallback
        self.summary = summary
        self.convert = convert
    }

    /// For the reference.
    var description: KeyDescription {
        KeyDescription(name: name, form: form, fallback: fallback?.text, summary: summary)
    }
}

/// A key as the reference shows it.
struct KeyDescription: Sendable {
    var name: String
    var form: String
    var fallback: String?
    var summary: String
}

extension Key where Value == Int64 {
    static func integer(
        _ name: String, _ range: ClosedRange<Int64>, _ unit: String, fallback: Int64? = nil, _ summary: String
    ) -> Key {
        Key(
            name, "integer, \(range.lowerBound) to \(range.upperBound) \(unit)",
            fallback: fallback.map { Fallback(value: $0, text: String($0)) }, summary
        ) { node throws(ValueProblem) in
            guard case .integer(let value) = node else { throw ValueProblem("is \(node.kind), not an integer") }
            guard range.contains(value) else {
                throw ValueProblem("is \(value), not \(range.lowerBound) to \(range.upperBound) \(unit)")
            }
            return value
        }
    }
}

extension Key where Value == Int64? {
    /// A number that may be left out.
    static func optionalInteger(
        _ name: String, _ range: ClosedRange<Int64>, _ unit: String, absent: String, _ summary: String
    ) -> Key {
        let whole = Key<Int64>.integer(name, range, unit, summary)
        return Key(name, whole.form, fallback: Fallback(value: nil, text: absent), summary) {
            node throws(ValueProblem) in try whole.convert(node)
        }
    }
}

extension Key where Value == [Int64] {
    /// A list of numbers that differ from each other.
    static func integers(
        _ name: String, _ range: ClosedRange<Int64>, _ unit: String, counts: ClosedRange<Int>, fallback: [Int64],
        _ summary: String
    ) -> Key {
        let one = Key<Int64>.integer(name, range, unit, summary)
        let form = "list of \(counts.lowerBound) to \(counts.upperBound): \(one.form)"
        return Key(name, form, fallback: Fallback(value: fallback, text: "\(fallback)"), summary) {
            node throws(ValueProblem) in
            guard case .array(let nodes) = node else { throw ValueProblem("is \(node.kind), not a list") }
            guard counts.contains(nodes.count) else {
                throw ValueProblem("has \(nodes.count) elements, not \(counts.lowerBound) to \(counts.upperBound)")
            }
            var values: [Int64] = []
            for (index, node) in nodes.enumerated() {
                do throws(ValueProblem) {
                    let value = try one.convert(node)
                    guard !values.contains(value) else { throw ValueProblem("repeats \(value)") }
                    values.append(value)
                } catch {
                    throw ValueProblem("element \(index + 1) \(error.message)", part: String(index))
                }
            }
            return values
        }
    }
}

extension Key where Value == Bool {
    static func flag(_ name: String, fallback: Bool, _ summary: String) -> Key {
        Key(name, "boolean", fallback: Fallback(value: fallback, text: String(fallback)), summary) {
            node throws(ValueProblem) in
            guard case .boolean(let value) = node else { throw ValueProblem("is \(node.kind), not a boolean") }
            return value
        }
    }
}

extension Key where Value == String {
    static func text(_ name: String, _ rule: Rule, fallback: String? = nil, _ summary: String) -> Key {
        Key(name, rule.form, fallback: fallback.map { Fallback(value: $0, text: "\"\($0)\"") }, summary) {
            node throws(ValueProblem) in try rule.check(node)
        }
    }
}

extension Key where Value == String? {
    static func optionalText(_ name: String, _ rule: Rule, absent: String, _ summary: String) -> Key {
        Key(name, rule.form, fallback: Fallback(value: nil, text: absent), summary) {
            node throws(ValueProblem) in try rule.check(node)
        }
    }
}

extension Key where Value == [String]? {
    /// A list that may be left out.
    static func optionalList(
        _ name: String, of rule: Rule, counts: ClosedRange<Int>, absent: String, _ summary: String
    ) -> Key {
        let list = Key<[String]>.list(name, of: rule, counts: counts, summary)
        return Key(name, list.form, fallback: Fallback(value: nil, text: absent), summary) {
            node throws(ValueProblem) in try list.convert(node)
        }
    }
}

extension Key where Value == [String] {
    /// A list whose elements differ from each other.
    static func list(
        _ name: String, of rule: Rule, counts: ClosedRange<Int>, fallback: [String]? = nil, _ summary: String
    ) -> Key {
        let text = fallback.map { "[" + $0.map { "\"\($0)\"" }.joined(separator: ", ") + "]" }
        return Key(
            name, "list of \(counts.lowerBound) to \(counts.upperBound): \(rule.form)",
            fallback: fallback.map { Fallback(value: $0, text: text ?? "") }, summary
        ) { node throws(ValueProblem) in
            guard case .array(let nodes) = node else { throw ValueProblem("is \(node.kind), not a list") }
            guard counts.contains(nodes.count) else {
                throw ValueProblem("has \(nodes.count) elements, not \(counts.lowerBound) to \(counts.upperBound)")
            }
            var values: [String] = []
            for (index, node) in nodes.enumerated() {
                do throws(ValueProblem) {
                    let value = try rule.check(node)
                    guard !values.contains(value) else { throw ValueProblem("repeats \"\(value)\"") }
                    values.append(value)
                } catch {
                    throw ValueProblem("element \(index + 1) \(error.message)", part: String(index))
                }
            }
            return values
        }
    }
}
