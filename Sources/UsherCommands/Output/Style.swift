/// What a value means to the reader; a style decides how that looks.
enum Tone {
    case plain, good, attention, bad, faint
}

/// How output looks: escape sequences only on a terminal that wants them.
struct Style: Equatable, Sendable {
    static let plain = Style(isTerminal: false, usesColour: false)

    let isTerminal: Bool
    let usesColour: Bool

    init(isTerminal: Bool, usesColour: Bool) {
        self.isTerminal = isTerminal
        self.usesColour = isTerminal && usesColour
    }

    /// - Parameters:
    ///   - noColour: the variable NO_COLOR; any value but an empty one asks for none (https://no-color.org).
    ///   - terminal: the variable TERM.
    init(isTerminal: Bool, noColour: String?, terminal: String?) {
        self.init(isTerminal: isTerminal, usesColour: (noColour ?? "").isEmpty && terminal != "dumb")
    }

    func bold(_ text: String) -> String { wrap(text, "1") }

    func apply(_ tone: Tone, _ text: String) -> String {
        switch tone {
        case .plain: text
        case .good: wrap(text, "32")
        case .attention: wrap(text, "33")
        case .bad: wrap(text, "31")
        case .faint: wrap(text, "2")
        }
    }

    /// ECMA-48 "select graphic rendition".
    private func wrap(_ text: String, _ parameter: String) -> String {
        usesColour ? "\u{1B}[\(parameter)m\(text)\u{1B}[0m" : text
    }
}

/// Text from elsewhere made safe to print: it cannot move the cursor, fake a line or turn its direction.
enum Printable {
    /// Control, format and separator characters become `\u{…}`.
    static func line(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isUnsafe) else { return text }
        var safe = ""
        for scalar in text.unicodeScalars {
            if isUnsafe(scalar) {
                safe += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                safe.unicodeScalars.append(scalar)
            }
        }
        return safe
    }

    private static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: true
        default: false
        }
    }
}

/// `1 role`, `3 roles`.
func counted(_ count: Int, _ noun: String, plural: String? = nil) -> String {
    "\(count) \(count == 1 ? noun : plural ?? noun + "s")"
}
