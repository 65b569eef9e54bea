internal import ArgumentParser
internal import UsherTicket

struct KeyShow: Verb {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show the public part of a key, never the private one.",
        discussion: """
            On a terminal: key id, thumbprint (RFC 7638) and the public JWK. In a pipe: the public \
            JWK alone, as `usher key trust` and the `key` of a trust entry take it.

            EXAMPLES
              usher key show broker.jwk
              usher key show broker.jwk > broker.pub.jwk
            """)

    @Argument(help: ArgumentHelp("A file with a public or private JWK.", valueName: "file"))
    var file: String

    @OptionGroup var output: OutputOptions

    func perform(_ console: Console) throws {
        let key = try KeyFile.publicKey(file)
        if output.json {
            return try console.write(
                JSONText.line(
                    .record([
                        "kid": .text(key.keyID), "thumbprint": .text(key.thumbprint),
                        "key": try JSONText.parse(key.jwk()),
                    ])))
        }
        guard console.style.isTerminal else { return try console.print(key.jwk() + "\n") }
        var record = Record()
        record.add("kid", key.keyID)
        record.add("thumbprint", key.thumbprint)
        record.add("public key", key.jwk())
        try console.print(record.text(style: console.style))
    }
}
