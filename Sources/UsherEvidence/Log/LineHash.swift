internal import Crypto

/// SHA-256 of a line of the log without its line feed, as the next line names it: 64 lower case hexadecimal digits.
public struct LineHash: Sendable, Hashable, CustomStringConvertible {
    /// What the very first line names.
    public static let none = LineHash(digits: [UInt8](repeating: UInt8(ascii: "0"), count: 64))

    public let digits: [UInt8]

    private init(digits: [UInt8]) {
        self.digits = digits
    }

    public init(of line: some Collection<UInt8>) {
        digits = Self.hexadecimal(SHA256.hash(data: Array(line)))
    }

    /// Nil for anything but 64 lower case hexadecimal digits.
    public init?(_ digits: some Collection<UInt8>) {
        guard digits.count == 64, digits.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }) else {
            return nil
        }
        self.digits = Array(digits)
    }

    public var description: String { String(decoding: digits, as: UTF8.self) }

    /// Two digits for each byte.
    public static func hexadecimal(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        let alphabet = Array("0123456789abcdef".utf8)
        return bytes.flatMap { [alphabet[Int($0 >> 4)], alphabet[Int($0 & 15)]] }
    }
}
