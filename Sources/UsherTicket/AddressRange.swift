/// An IP address as 16 bytes; an IPv4 address is kept as its IPv4-mapped IPv6 form (RFC 4291 section
/// 2.5.5.2), so that `::ffff:192.0.2.1` and `192.0.2.1` are equal.
public struct IPAddress: Hashable, Sendable, CustomStringConvertible {
    let bytes: [UInt8]

    /// Reads the one canonical spelling: dotted decimal without leading zeros, or RFC 5952. Nil for any
    /// other text, also with a zone (`fe80::1%eth0`).
    public init?(_ text: String) {
        guard let bytes = AddressText.parse(Array(text.utf8)) else { return nil }
        self.bytes = bytes
    }

    /// Whether it is an IPv4 address in either spelling.
    public var isIPv4: Bool { bytes.starts(with: AddressText.mappedPrefix) }

    public var description: String { AddressText.render(bytes) }
}

/// An address, or a network in CIDR notation (RFC 4632, RFC 4291 section 2.3).
public struct AddressRange: Hashable, Sendable, CustomStringConvertible {
    let network: IPAddress
    /// Length of the prefix over 128 bits: 96 more than written for an IPv4 network.
    let prefix: Int
    /// The text it was read from.
    public let description: String

    /// Reads an address in its canonical spelling, alone or with `/` and a prefix length. The bits behind the
    /// prefix must be zero: `192.0.2.1/24` is a mistake of whoever wrote it. Nil for anything else.
    public init?(_ text: String) {
        let parts = text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard parts.count <= 2, let address = IPAddress(String(decoding: parts[0], as: UTF8.self)) else { return nil }
        var prefix = 128
        if parts.count == 2 {
            let dotted = !parts[0].contains(UInt8(ascii: ":"))
            guard let written = AddressText.decimal(Array(parts[1]), limit: dotted ? 32 : 128) else { return nil }
            prefix = dotted ? written + 96 : written
        }
        for bit in prefix..<128 where address.bytes[bit / 8] & (0x80 >> UInt8(bit % 8)) != 0 {
            return nil
        }
        network = address
        self.prefix = prefix
        description = text
    }

    /// Whether the address lies in the range. An IPv6 network, also `::/0`, holds no IPv4 address.
    public func contains(_ address: IPAddress) -> Bool {
        guard network.isIPv4 == address.isIPv4 else { return false }
        for bit in 0..<prefix {
            let mask: UInt8 = 0x80 >> UInt8(bit % 8)
            guard network.bytes[bit / 8] & mask == address.bytes[bit / 8] & mask else { return false }
        }
        return true
    }
}
