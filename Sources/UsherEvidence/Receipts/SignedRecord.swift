internal import Crypto
public import UsherTicket
internal import UsherWire

/// Why a text is not a receipt, or not one of this host.
public struct RecordError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Code: String, CaseIterable, Sendable {
        case empty, tooLong, malformed, badEncoding, badHeader, badJSON, badContent
        case keyMismatch, badSignature, chainBroken
    }

    public var code: Code
    public var detail: String

    init(_ code: Code, _ detail: String) {
        self.code = code
        self.detail = detail
    }

    public var description: String { "\(code.rawValue): \(detail)" }
}

/// A receipt or a supplement as a JWS in compact serialization (RFC 7515 section 7.1), signed by the host's key:
/// EdDSA only, and a `typ` of its own for each (RFC 8725 section 3.11), so that neither a ticket nor the other of the
/// two can be taken for it.
public struct SignedRecord: Sendable, Equatable {
    public enum Content: Sendable, Equatable {
        case receipt(Receipt)
        case supplement(ReceiptSupplement)
    }

    /// The compact serialization, one line of ASCII.
    public let text: String
    /// What it says. Anyone can write this: believe nothing of it before `isSigned(by:)`.
    public let unverifiedContent: Content
    /// The `kid` of its header.
    public let keyID: String
    private let signature: [UInt8]
    private let signedBytes: Int

    private static let algorithm = "EdDSA"

    /// Signs a record.
    public init(_ content: Content, key: PrivateKey) throws(RecordError) {
        let header = #"{"alg":"\#(Self.algorithm)","typ":"\#(Self.type(of: content))","kid":"\#(key.publicKey.keyID)"}"#
        let input =
            Base64URL.encode(Array(header.utf8)) + "." + Base64URL.encode(RecordWriter.payload(content))
        do throws(KeyError) {
            signature = try key.signature(over: Array(input.utf8))
        } catch {
            throw RecordError(.keyMismatch, error.detail)
        }
        text = input + "." + Base64URL.encode(signature)
        guard text.utf8.count <= ReceiptLimits.recordBytes else {
            throw RecordError(.tooLong, "\(text.utf8.count) bytes, at most \(ReceiptLimits.recordBytes)")
        }
        unverifiedContent = content
        keyID = key.publicKey.keyID
        signedBytes = input.utf8.count
    }

    /// Reads the form, the header and the content; not the signature.
    public init(parsing bytes: some Collection<UInt8>) throws(RecordError) {
        guard !bytes.isEmpty else { throw RecordError(.empty, "no receipt") }
        guard bytes.count <= ReceiptLimits.recordBytes else {
            throw RecordError(.tooLong, "\(bytes.count) bytes, at most \(ReceiptLimits.recordBytes)")
        }
        let bytes = Array(bytes)
        let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3 else { throw RecordError(.malformed, "\(parts.count) parts between dots, not 3") }
        let header = try Self.header(Self.object(parts[0], "header"))
        signature = try Self.decode(parts[2], "signature")
        guard signature.count == 64 else {
            throw RecordError(.badEncoding, "the signature has \(signature.count) bytes, not 64")
        }
        let payload = try Self.object(parts[1], "payload")
        unverifiedContent =
            header.isReceipt
            ? .receipt(try RecordReader.receipt(payload)) : .supplement(try RecordReader.supplement(payload))
        keyID = header.keyID
        text = String(decoding: bytes, as: UTF8.self)
        signedBytes = parts[2].startIndex - 1
    }

    /// Whether the key's holder signed exactly these bytes.
    public func isSigned(by key: PublicKey) -> Bool {
        key.keyID == keyID && key.isValid(signature: signature, over: Array(text.utf8.prefix(signedBytes)))
    }

    /// SHA-256 of the compact serialization in base64url, as the next record names it.
    public var digest: String { Base64URL.encode(Array(SHA256.hash(data: Array(text.utf8)))) }

    /// The payload as JSON, as it was signed.
    public var payload: [UInt8] {
        let parts = text.utf8.split(separator: UInt8(ascii: "."))
        return Base64URL.decode(parts[1]) ?? []
    }

    private static func type(of content: Content) -> String {
        switch content {
        case .receipt: "usher-receipt+jwt"
        case .supplement: "usher-receipt-supplement+jwt"
        }
    }

    private static func header(_ object: JSONObject) throws(RecordError) -> (keyID: String, isReceipt: Bool) {
        var values: [String: String] = [:]
        for member in object.members {
            guard case .string(let value) = member.value else {
                throw RecordError(.badHeader, "a member of the header is not a string")
            }
            values[String(decoding: member.name, as: UTF8.self)] = String(decoding: value, as: UTF8.self)
        }
        guard values.count == 3, values["alg"] == algorithm, let keyID = values["kid"], let type = values["typ"] else {
            throw RecordError(.badHeader, "the header is not alg \(algorithm), typ and kid alone")
        }
        guard type == "usher-receipt+jwt" || type == "usher-receipt-supplement+jwt" else {
            throw RecordError(.badHeader, "typ is neither a receipt's nor a supplement's")
        }
        return (keyID, type == "usher-receipt+jwt")
    }

    private static func object(_ part: ArraySlice<UInt8>, _ name: String) throws(RecordError) -> JSONObject {
        let bytes = try decode(part, name)
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONParser.parse(bytes.span)
        } catch {
            throw RecordError(.badJSON, "the \(name) at byte \(error.offset): \(error.code)")
        }
        guard case .object(let object) = value else { throw RecordError(.badJSON, "the \(name) is not an object") }
        return object
    }

    private static func decode(_ part: ArraySlice<UInt8>, _ name: String) throws(RecordError) -> [UInt8] {
        guard let bytes = Base64URL.decode(part), !bytes.isEmpty else {
            throw RecordError(.badEncoding, "the \(name) is not base64url in its one canonical form")
        }
        return bytes
    }
}

/// A receipt and what was added to it later, all of it signed by one key, none of it missing in between.
public struct VerifiedReceipt: Sendable, Equatable {
    public let receipt: Receipt
    public let supplements: [ReceiptSupplement]

    /// What is left according to the last record.
    public var leftCount: Int { supplements.last?.leftCount ?? receipt.leftCount }

    /// Verifies a file: the receipt, and one line for each supplement after it. Says what is wrong, and in which line
    /// where there is more than one. Whether later supplements exist the file cannot show: the host can.
    public init(_ file: [UInt8], key: PublicKey) throws(RecordError) {
        var lines = file.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        guard !lines.isEmpty else { throw RecordError(.empty, "no receipt") }
        var receipt: Receipt?
        var supplements: [ReceiptSupplement] = []
        var digest = ""
        for (number, line) in lines.enumerated() {
            do throws(RecordError) {
                let record = try SignedRecord(parsing: line)
                try Self.requireSigned(record, by: key)
                switch (record.unverifiedContent, receipt) {
                case (.receipt(let first), nil): receipt = first
                case (.supplement(let supplement), let receipt?):
                    try Self.requireNext(supplement, number, after: digest, of: receipt)
                    supplements.append(supplement)
                case (.receipt, _): throw RecordError(.chainBroken, "a second receipt")
                case (.supplement, nil): throw RecordError(.chainBroken, "a supplement without its receipt before it")
                }
                digest = record.digest
            } catch {
                let place = lines.count > 1 ? "line \(number + 1): " : ""
                throw RecordError(error.code, place + error.detail)
            }
        }
        guard let receipt else { throw RecordError(.empty, "no receipt") }
        self.receipt = receipt
        self.supplements = supplements
    }

    private static func requireSigned(_ record: SignedRecord, by key: PublicKey) throws(RecordError) {
        guard record.keyID == key.keyID else {
            throw RecordError(.keyMismatch, "it names key \(record.keyID), the given one is \(key.keyID)")
        }
        guard record.isSigned(by: key) else {
            throw RecordError(.badSignature, "the signature is not that of key \(key.keyID): it was changed or forged")
        }
    }

    private static func requireNext(
        _ supplement: ReceiptSupplement, _ number: Int, after digest: String, of receipt: Receipt
    ) throws(RecordError) {
        guard supplement.host == receipt.host, supplement.session == receipt.session.id else {
            throw RecordError(.chainBroken, "the supplement is of another session")
        }
        guard supplement.number == number, supplement.previous == digest else {
            throw RecordError(.chainBroken, "the supplement does not follow the record before it: one is missing")
        }
    }
}
