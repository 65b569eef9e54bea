/// Replaces secrets in the arguments of programs by `***`. Exact rules, no guesses by entropy; one pass over the bytes,
/// so that what a hostile argument costs grows with its length alone. The program's name is never masked.
public struct SecretMask: Sendable {
    /// What stands in the place of a secret.
    public static let replacement = Array("***".utf8)
    /// How long a word with a known prefix must go on to be taken for a secret.
    static let shortestToken = 12

    struct Named: Sendable {
        var name: [UInt8]
        var programs: [[UInt8]]
    }

    /// By the lower-case word: which programs, and whether a name and a colon stand before the secret.
    var options: [[UInt8]: [(programs: [[UInt8]], isLogin: Bool)]] = [:]
    var attached: [Named] = []
    var assignments: [[UInt8]] = []
    var headers: Set<[UInt8]> = []
    var prefixes: [[UInt8]] = []
    var prefixStarts = [Bool](repeating: false, count: 256)
    var programs: Set<[UInt8]> = []
    var masksURLs = false
    var masksPrivateKeys = false

    public init(_ rules: [MaskRule] = MaskRule.builtIn) {
        for rule in rules {
            switch rule {
            case .option(let name, let programs): add(name, programs, isLogin: false)
            case .login(let name, let programs): add(name, programs, isLogin: true)
            case .attached(let name, let programs):
                attached.append(Named(name: Array(name.utf8), programs: programs.map { Array($0.utf8) }))
                self.programs.formUnion(programs.map { Array($0.utf8) })
            case .assignment(let name): assignments.append(Array(name.utf8).lowercased)
            case .header(let name): headers.insert(Array(name.utf8).lowercased)
            case .prefix(let name):
                prefixes.append(Array(name.utf8))
                if let first = name.utf8.first { prefixStarts[Int(first)] = true }
            case .url: masksURLs = true
            case .privateKey: masksPrivateKeys = true
            }
        }
    }

    private mutating func add(_ name: String, _ programs: [String], isLogin: Bool) {
        let names = programs.map { Array($0.utf8) }
        options[Array(name.utf8), default: []].append((names, isLogin))
        self.programs.formUnion(names)
    }

    /// The arguments of one exec, and how many secrets were replaced.
    public func masked(_ arguments: [[UInt8]]) -> (arguments: [[UInt8]], count: Int) {
        var scan = MaskScan(mask: self)
        var result = arguments
        var count = 0
        for (index, argument) in arguments.enumerated() {
            let ranges = scan.secrets(in: argument, isFirst: index == 0)
            guard !ranges.isEmpty else { continue }
            result[index] = Self.replace(ranges, in: argument)
            count += ranges.count
        }
        return (result, count)
    }

    /// A command line as one text: what sudo logs, or what a shell was given.
    public func masked(commandLine text: [UInt8]) -> (text: [UInt8], count: Int) {
        let (texts, count) = masked([text])
        return (texts[0], count)
    }

    private static func replace(_ ranges: [Range<Int>], in text: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        var position = 0
        for range in ranges {
            result += text[position..<range.lowerBound]
            result += replacement
            position = range.upperBound
        }
        return result + text[position...]
    }
}

extension [UInt8] {
    /// ASCII letters in lower case.
    var lowercased: [UInt8] { map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 } }
}
