internal import UsherWire

/// A JWS in compact serialization (RFC 7515 section 7.1) whose form and header are right: what tickets and revocation
/// lists have in common. Nothing of it is believed before the signature was checked.
struct CompactJWS {
    static let algorithm = "EdDSA"

    let keyID: String
    let payload: JSONObject
    /// The header and payload as they were signed.
    let signingInput: [UInt8]
    let signature: [UInt8]

    /// - Parameter type: the only `typ` that is taken, so that nothing signed for one purpose serves another.
    init(_ bytes: [UInt8], type: String) throws(TicketError) {
        let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3 else {
            throw TicketError(code: .malformed, detail: "\(parts.count) parts between dots, not 3")
        }
        // The header first: an `alg` that is not allowed is the reason, not the signature that it comes with.
        keyID = try JWSHeader.keyID(try Self.object(try Self.decode(parts[0], "header"), "header"), type: type)
        signature = try Self.decode(parts[2], "signature")
        guard signature.count == 64 else {
            throw TicketError(code: .badEncoding, detail: "the signature has \(signature.count) bytes, not 64")
        }
        payload = try Self.object(try Self.decode(parts[1], "payload"), "payload")
        signingInput = Array(bytes[..<(parts[2].startIndex - 1)])
    }

    /// Signs a payload.
    static func sign(_ payload: JSONObject, type: String, with key: PrivateKey) throws(TicketError) -> String {
        var writer = JSONWriter(sink: [UInt8]())
        writer.value(.object(payload))
        let header = #"{"alg":"\#(algorithm)","typ":"\#(type)","kid":"\#(key.publicKey.keyID)"}"#
        let input = Base64URL.encode(Array(header.utf8)) + "." + Base64URL.encode(writer.sink)
        do {
            return input + "." + Base64URL.encode(try key.signature(over: Array(input.utf8)))
        } catch {
            throw TicketError(code: .keyMismatch, detail: error.detail)
        }
    }

    /// Whether the key's holder signed exactly these bytes.
    func verify(with key: PublicKey) -> Bool {
        key.keyID == keyID && key.isValid(signature: signature, over: signingInput)
    }

    private static func decode(_ part: ArraySlice<UInt8>, _ name: String) throws(TicketError) -> [UInt8] {
        guard !part.isEmpty else { throw TicketError(code: .malformed, detail: "the \(name) is empty") }
        guard let bytes = Base64URL.decode(part) else {
            throw TicketError(code: .badEncoding, detail: "the \(name) is not base64url in its one canonical form")
        }
        return bytes
    }

    private static func object(_ bytes: [UInt8], _ name: String) throws(TicketError) -> JSONObject {
        let value: JSONValue
        do {
            value = try JSONParser.parse(bytes.span)
        } catch {
            let code: TicketErrorCode = error.code == .duplicateName ? .duplicateName : .badJSON
            throw TicketError(code: code, detail: "the \(name) at byte \(error.offset): \(error.code)")
        }
        guard case .object(let object) = value else {
            throw TicketError(code: .badJSON, detail: "the \(name) is not a JSON object")
        }
        return object
    }
}

/// The protected header: `alg`, `typ`, `kid`, and nothing else (RFC 8725 sections 3.1 and 3.11).
private enum JWSHeader {
    static func keyID(_ header: JSONObject, type: String) throws(TicketError) -> String {
        var values: [String: String] = [:]
        for (index, member) in header.members.enumerated() {
            let name = String(decoding: member.name, as: UTF8.self)
            if name == "crit" {
                throw TicketError(code: .criticalHeader, detail: "crit is not understood")
            }
            guard ["alg", "typ", "kid"].contains(name) else {
                throw TicketError(code: .unknownHeader, detail: "header member \(index + 1) is unknown")
            }
            guard case .string(let value) = member.value else {
                throw TicketError(code: .invalidHeader, detail: "\(name) is not a string")
            }
            values[name] = String(decoding: value, as: UTF8.self)
        }
        for name in ["alg", "typ", "kid"] where values[name] == nil {
            throw TicketError(code: .missingHeader, detail: "\(name) is missing")
        }
        guard values["alg"] == CompactJWS.algorithm else {
            throw TicketError(code: .algorithmNotAllowed, detail: "alg is not \(CompactJWS.algorithm)")
        }
        guard values["typ"] == type else {
            throw TicketError(code: .wrongType, detail: "typ is not \(type)")
        }
        guard let keyID = values["kid"], Base64URL.decode(Array(keyID.utf8))?.count == 8 else {
            throw TicketError(code: .invalidHeader, detail: "kid is not 8 bytes in base64url")
        }
        return keyID
    }
}
