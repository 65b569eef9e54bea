internal import ArgumentParser
internal import UsherWire

/// `s-` and 16 base32 characters.
struct SessionIdentifier: ExpressibleByArgument {
    let text: String

    init?(argument: String) {
        let bytes = Array(argument.utf8)
        guard bytes.count == 18, bytes.starts(with: "s-".utf8),
            bytes.dropFirst(2).allSatisfy({ Base32.value($0) != nil })
        else { return nil }
        text = argument
    }
}

/// A reference as an operator reads it out: `7F3K-Q2`; case does not matter.
struct RefusalReference: ExpressibleByArgument {
    let text: String

    init?(argument: String) {
        let bytes = Array(argument.uppercased().utf8)
        let alphabet = [UInt8](Base32.reference)
        guard bytes.count == 7, bytes[4] == UInt8(ascii: "-"),
            (bytes[..<4] + bytes[5...]).allSatisfy(alphabet.contains)
        else { return nil }
        text = String(decoding: bytes, as: UTF8.self)
    }
}
