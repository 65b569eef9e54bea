internal import ArgumentParser
internal import UsherSystem
internal import UsherTicket

struct KeyNew: Verb {
    static let configuration = CommandConfiguration(
        commandName: "new",
        abstract: "Make a broker's key pair; prints its key id.",
        discussion: """
            The file holds the private key as a JWK, mode 0600. An existing file is never overwritten. Hosts need the \
            public part only: give `usher key show` to their administrators.

            EXAMPLES
              usher key new --out broker.jwk
              usher key new --out /etc/usher-broker/2025.jwk --json
            """)

    @Option(help: ArgumentHelp("Where the private key goes; it must not exist.", valueName: "file"))
    var out: String

    @OptionGroup var output: OutputOptions

    func perform(_ console: Console) throws {
        var generator = SystemRandomNumberGenerator()
        let key: PrivateKey
        do {
            key = try PrivateKey.generate(using: &generator)
        } catch {
            throw Failure("no key could be made: \(error.detail)")
        }
        var text = key.jwk() + [UInt8(ascii: "\n")]
        defer { Secrets.wipe(&text) }
        do {
            try NewFile.create(out, text, mode: 0o600)
        } catch {
            guard error.isAlreadyThere else { throw error }
            throw Failure("\(out) exists, and a key is never overwritten: choose another --out")
        }
        let publicKey = key.publicKey
        if output.json {
            return try console.write(
                JSONText.line(
                    .record([
                        "kid": .text(publicKey.keyID), "thumbprint": .text(publicKey.thumbprint), "file": .text(out),
                    ])))
        }
        try console.print("\(publicKey.keyID)\n")
        if console.style.isTerminal {
            console.notify("Private key in \(out). Show hosts the public part: usher key show \(out)\n")
        }
    }
}
