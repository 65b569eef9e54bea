#if !hasFeature(Embedded)
    import UsherWire
#endif

/// The arguments behind `pam_usher.so` on a line of a PAM stack. One that is unknown, given twice or out of range
/// refuses the login: a tolerated typing error would weaken it in silence.
public struct ModuleArguments: Equatable, Sendable {
    /// Seconds for all exchanges with the agent in one call of the module.
    public static let timeouts: ClosedRange<UInt32> = 1...60
    public static let defaultTimeout: UInt32 = 5
    /// Longest prompt in bytes; sudo and libpam's own limit for a message is 512 (PAM_MAX_MSG_SIZE).
    public static let promptBytes = 200
    /// Longest path of an AF_UNIX socket without its NUL (`sun_path`, unix(7)).
    public static let pathBytes = 107

    /// `agent=PATH`, absolute.
    public private(set) var agent = [UInt8](Paths.agentSocket)
    /// `timeout=SECONDS`.
    public private(set) var timeout = defaultTimeout
    /// `prompt=TEXT`, printable ASCII.
    public private(set) var prompt = [UInt8]("Ticket: ")

    /// An argument that cannot be accepted.
    public enum Problem: Error, Equatable, Sendable {
        case unknown([UInt8])
        case duplicate([UInt8])
        case badValue([UInt8])
    }

    public init(_ arguments: [[UInt8]]) throws(Problem) {
        for (position, argument) in arguments.enumerated() {
            guard let separator = argument.firstIndex(of: UInt8(ascii: "=")) else { throw .unknown(argument) }
            let name = [UInt8](argument[...separator])
            let value = [UInt8](argument[(separator + 1)...])
            for earlier in arguments[..<position] where earlier.starts(with: name) { throw .duplicate(argument) }
            if name.equals("agent=") {
                guard Self.isPath(value) else { throw .badValue(argument) }
                agent = value
            } else if name.equals("timeout=") {
                guard let seconds = AccountRecord.number(value.indices, in: value.span),
                    Self.timeouts.contains(seconds)
                else { throw .badValue(argument) }
                timeout = seconds
            } else if name.equals("prompt=") {
                guard Self.isPrompt(value) else { throw .badValue(argument) }
                prompt = value
            } else {
                throw .unknown(argument)
            }
        }
    }

    private static func isPath(_ bytes: [UInt8]) -> Bool {
        bytes.count > 1 && bytes.count <= pathBytes && bytes[0] == UInt8(ascii: "/") && bytes.isPrintableASCII
    }

    private static func isPrompt(_ bytes: [UInt8]) -> Bool {
        !bytes.isEmpty && bytes.count <= promptBytes && bytes.isPrintableASCII
    }
}

extension [UInt8] {
    /// Only bytes from the space to the tilde.
    var isPrintableASCII: Bool {
        for byte in self where byte < 0x20 || byte > 0x7E { return false }
        return true
    }

    func starts(withLiteral literal: StaticString) -> Bool {
        guard count >= literal.utf8CodeUnitCount else { return false }
        for index in 0..<literal.utf8CodeUnitCount {
            // In bounds: index is below the literal's count.
            guard unsafe self[index] == literal.utf8Start[index] else { return false }
        }
        return true
    }
}
