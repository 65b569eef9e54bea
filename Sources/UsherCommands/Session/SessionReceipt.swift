internal import ArgumentParser
internal import UsherClient
internal import UsherEvidence
internal import UsherWire

struct SessionReceipt: Verb {
    static let configuration = CommandConfiguration(
        commandName: "receipt",
        abstract: "Show the signed receipt of a closed session: what its end removed, and what is left.",
        discussion: """
            The steps of the end with their times (in a pipe microseconds), what each removed and what it had to \
            leave, then supplements: what became known after the receipt was signed. --jws prints the signed records \
            themselves, one a line, for `usher receipt verify`; --json prints what they say as an array, unverified.

            EXAMPLES
              usher session receipt s-k3j7x2mag5abcdef
              usher session receipt s-k3j7x2mag5abcdef --jws > receipt.jws
            """)

    @Argument(help: "The session's id: s- and 16 characters.")
    var id: SessionIdentifier

    @Flag(help: "Print the signed records, one a line.")
    var jws = false

    @OptionGroup var output: OutputOptions
    @OptionGroup var agent: AgentOptions

    func validate() throws {
        guard !jws || !output.json else { throw ValidationError("--jws and --json exclude each other") }
    }

    func perform(_ console: Console) throws {
        let texts = try agent.client.receipt(id: id.text)
        if jws { return try console.print(texts.map { $0 + "\n" }.joined()) }
        var receipt: Receipt?
        var supplements: [ReceiptSupplement] = []
        var payloads: [JSONValue] = []
        for text in texts {
            do {
                let record = try SignedRecord(parsing: text.utf8)
                switch record.unverifiedContent {
                case .receipt(let content): receipt = content
                case .supplement(let content): supplements.append(content)
                }
                payloads.append(try JSONText.parse(String(decoding: record.payload, as: UTF8.self)))
            } catch let error as RecordError {
                throw Failure("the session agent's receipt cannot be read: \(error.detail)")
            }
        }
        if output.json { return try console.write(JSONText.line(.array(payloads))) }
        guard let receipt else { throw Failure("the session agent gave no receipt") }
        try console.print(
            ReceiptReport.text(receipt, supplements, style: console.style, clock: console.clock))
    }
}
