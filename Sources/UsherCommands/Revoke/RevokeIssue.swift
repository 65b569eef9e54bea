internal import ArgumentParser
internal import UsherSystem
internal import UsherTicket
internal import UsherWire

struct RevokeIssue: Verb {
    static let configuration = CommandConfiguration(
        commandName: "issue",
        abstract: "Sign a revocation list for many hosts.",
        discussion: """
            Reads the entries as a JSON array from a file or standard input and prints the signed list. An entry is an \
            object of kind (ticket, subject, account, role, key or all), value, reason, and for a ticket issuer and \
            optionally exp. The whole list is in force on a host, not what it adds to the one before. The number must be \
            larger than that of every list before, by at most 10000; put the list in its place by renaming. The key is \
            one that hosts trust for lists alone: usher key trust --revocations.

            EXAMPLES
              usher revoke issue --key soc.jwk --issuer soc --number 7 entries.json
              usher revoke issue --key soc.jwk --issuer soc --number 8 --valid 7d --json - < entries.json
            """)

    @Option(help: ArgumentHelp("The private key for lists (JWK, mode 0600).", valueName: "file"))
    var key: String

    @Option(help: ArgumentHelp("Who issues the list, as trust entries have it.", valueName: "issuer"))
    var issuer: String

    @Option(help: ArgumentHelp("The list's number.", valueName: "number"))
    var number: Int64

    @Option(help: ArgumentHelp("How long it is in force, at most 31d.", valueName: "length"))
    var valid = TimeSpan(seconds: 86_400)

    @Argument(help: ArgumentHelp("A file with the entries, or - for standard input.", valueName: "file"))
    var file = "-"

    @OptionGroup var output: OutputOptions

    func perform(_ console: Console) throws {
        let signer = try KeyFile.privateKey(key)
        let now = console.clock.now
        let list: String
        let entries: [RevocationEntry]
        do throws(TicketError) {
            entries = try RevocationListParser.entries(try read(console))
            list = try RevocationListSigner.sign(
                RevocationList(
                    issuer: issuer, keyID: signer.publicKey.keyID, issuedAt: now, expiresAt: now + valid.seconds,
                    number: number, entries: entries), with: signer)
        } catch {
            throw Failure("the list cannot be issued: \(Printable.line(error.detail))")
        }
        guard output.json else { return try console.print(list + "\n") }
        try console.write(
            JSONText.line(
                .record([
                    "list": .text(list), "number": .integer(number), "entries": .number(entries.count),
                    "expires": .integer(now + valid.seconds), "key": .text(signer.publicKey.keyID),
                ])))
    }

    private func read(_ console: Console) throws(TicketError) -> [JSONValue] {
        let bytes: [UInt8]
        do {
            bytes = try RevocationFile.read(file, console)
        } catch {
            throw TicketError(code: .badJSON, detail: "\(file): \(error)")
        }
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONParser.parse(bytes.span)
        } catch {
            throw TicketError(code: .badJSON, detail: "\(file) at byte \(error.offset): \(error.code)")
        }
        guard case .array(let values) = value else {
            throw TicketError(code: .badJSON, detail: "\(file) is not a JSON array")
        }
        return values
    }
}

/// Files with entries or signed lists.
enum RevocationFile {
    static func read(_ file: String, _ console: Console) throws -> [UInt8] {
        let limit = RevocationList.longestBytes + 1
        return file == "-" ? try console.read(limit) : try FileContents(of: file, limit: limit).bytes
    }
}
