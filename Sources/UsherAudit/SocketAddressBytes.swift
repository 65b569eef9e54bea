/// The bytes of a struct sockaddr as the kernel wrote them: the family in the host's byte order, ports in the network's.
enum SocketAddressBytes {
    // linux/socket.h
    private static let local: UInt16 = 1
    private static let internet: UInt16 = 2
    private static let internet6: UInt16 = 10

    static func read(_ bytes: [UInt8]) -> AuditEvent.Address? {
        guard bytes.count >= 2 else { return nil }
        let family = UInt16(littleEndian: UInt16(bytes[0]) | UInt16(bytes[1]) << 8)
        switch family {
        case internet where bytes.count >= 8:
            return .internet(address: bytes[4..<8].map { "\($0)" }.joined(separator: "."), port: port(bytes))
        case internet6 where bytes.count >= 24:
            return .internet(address: text(Array(bytes[8..<24])), port: port(bytes))
        case local:
            let path = bytes[2...]
            // An abstract name begins with a NUL and may hold more; a path ends at its first.
            guard path.first != 0 else { return .local(Array(path)) }
            return .local(Array(path.prefix { $0 != 0 }))
        default: return .other(family: family)
        }
    }

    private static func port(_ bytes: [UInt8]) -> UInt16 { UInt16(bytes[2]) << 8 | UInt16(bytes[3]) }

    /// RFC 5952: lower case, no leading zeros, the longest run of two or more zero groups as `::`.
    private static func text(_ bytes: [UInt8]) -> String {
        let groups = stride(from: 0, to: 16, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
        if groups[..<5].allSatisfy({ $0 == 0 }), groups[5] == 0xFFFF {
            return "::ffff:" + bytes[12...].map { "\($0)" }.joined(separator: ".")
        }
        var best = 0..<0
        var start = 0
        while start < 8 {
            var end = start
            while end < 8, groups[end] == 0 { end += 1 }
            if end - start > max(best.count, 1) { best = start..<end }
            start = end + 1
        }
        let parts = groups.map { String($0, radix: 16) }
        guard !best.isEmpty else { return parts.joined(separator: ":") }
        return parts[..<best.lowerBound].joined(separator: ":") + "::"
            + parts[best.upperBound...].joined(separator: ":")
    }
}
