/// A ticket whose form is right and whose signature nobody has checked yet.
public struct SignedTicket: Equatable, Sendable, CustomStringConvertible, CustomReflectable {
    /// What it says. Anyone can write this: believe nothing of it before `verify(with:)`.
    public let unverifiedClaims: Claims
    /// The header and payload as they were signed.
    let signingInput: [UInt8]
    let signature: [UInt8]

    /// `kid` of the header: says which key to try, and nothing else.
    public var keyID: String { unverifiedClaims.keyID }

    /// Whether the key's holder signed exactly these bytes.
    public func verify(with key: PublicKey) -> Bool {
        key.keyID == keyID && key.isValid(signature: signature, over: signingInput)
    }

    /// Never the ticket itself: it may still be fresh.
    public var description: String { "ticket signed by key \(keyID)" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
