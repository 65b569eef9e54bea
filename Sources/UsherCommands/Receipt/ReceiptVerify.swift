internal import ArgumentParser
internal import UsherEvidence
internal import UsherSystem
internal import UsherTicket
internal import UsherWire

struct ReceiptVerify: Verb {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Verify the receipt of a session with the public key of its host.",
        discussion: """
            Asks nobody: neither the host nor its agent need be there. The file is what `usher session receipt --jws` \
            prints: the receipt, and one line for each supplement. Each must be signed by the key, and none may be \
            missing in between; whether later ones exist only the host can tell. What does not verify is refused with \
            status 3.

            EXAMPLES
              usher session receipt s-k3j7x2mag5abcdef --jws > receipt.jws
              usher receipt verify receipt.jws --key host.pub.jwk
              usher receipt verify - --key host.pub.jwk --json < receipt.jws
            """)

    @Argument(help: ArgumentHelp("The receipt; - for standard input.", valueName: "file"))
    var file: String

    @Option(help: ArgumentHelp("The host's public JWK, from `usher host show --key`.", valueName: "file"))
    var key: String

    @OptionGroup var output: OutputOptions

    func perform(_ console: Console) throws {
        let key = try KeyFile.publicKey(key)
        let text =
            file == "-"
            ? try console.read(ReceiptLimits.fileBytes)
            : try FileContents(of: file, limit: ReceiptLimits.fileBytes).bytes
        let verified: VerifiedReceipt
        do {
            verified = try VerifiedReceipt(text, key: key)
        } catch {
            throw Failure("the receipt does not verify: \(Printable.line(error.detail))", status: .refused)
        }
        if output.json {
            return try console.write(
                JSONText.line(
                    .record([
                        "verified": .boolean(true), "kid": .text(key.keyID), "host": .text(verified.receipt.host),
                        "session": .text(verified.receipt.session.id),
                        "supplements": .number(verified.supplements.count), "left": .number(verified.leftCount),
                    ])))
        }
        try console.print(
            ReceiptReport.text(verified.receipt, verified.supplements, style: console.style, clock: console.clock))
        if console.style.isTerminal {
            console.notify("Signed by key \(key.keyID) of host \(verified.receipt.host): nothing was changed.\n")
        }
    }
}
