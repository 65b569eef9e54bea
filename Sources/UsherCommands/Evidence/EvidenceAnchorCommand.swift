internal import ArgumentParser
internal import UsherEvidence

struct EvidenceAnchorCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "anchor",
        abstract: "Print the last checkpoint of the evidence log, to be kept on another host.",
        discussion: """
            One line of JSON, with --json or without. Kept where root of this host cannot write, it shows later that nothing before it was changed or \
            removed: `usher evidence verify --anchor`. Lines of many times can stand in one file.

            EXAMPLES
              usher evidence anchor | ssh collector 'cat >> anchors/db1'
            """)

    @OptionGroup var output: OutputOptions
    @OptionGroup var source: LogOptions

    func perform(_ console: Console) throws {
        var last: [UInt8]?
        for file in try EvidenceSource(source.log).open().reversed() {
            _ = try EvidenceSource.read(file) { piece in
                guard case .line(let bytes) = piece, bytes.contains(bytes: Array(#""kind":"checkpoint""#.utf8)),
                    let line = try? EvidenceLine(parsing: bytes), SignedCheckpoint(line) != nil
                else { return }
                last = bytes
            }
            if last != nil { break }
        }
        guard let last else { throw Failure("there is no checkpoint in \(source.log)", status: .notFound) }
        try console.write(last + [UInt8(ascii: "\n")])
    }
}
