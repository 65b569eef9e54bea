internal import UsherEvidence
internal import UsherSystem

/// The files of an evidence log, or one of them, read piece by piece while the agent may be writing.
struct EvidenceSource {
    /// A directory, or a file.
    let path: String
    let isDirectory: Bool

    private static let pieceBytes = 262_144
    /// How often the end of a file is read again when its last line has no end: it may be on its way.
    private static let patience = 20

    init(_ path: String) throws {
        self.path = path
        guard let status = try Files.status(path) else { throw Failure("there is no \(path)", status: .notFound) }
        isDirectory = status.kind == .directory
    }

    /// One file of the source.
    struct File {
        var name: String
        /// The number of the first line, if the name says it.
        var first: Int64?
        var contents: SequentialFile
    }

    /// The files in the order of their lines, all open. What the agent renames meanwhile is looked for again.
    func open() throws -> [File] {
        guard isDirectory else {
            let name = path.split(separator: "/").last.map(String.init) ?? path
            return [File(name: name, first: EvidenceFiles.first(of: name), contents: try SequentialFile(path))]
        }
        while true {
            let names = EvidenceFiles.ordered(try Files.list(path))
            guard !names.isEmpty else { throw Failure("there is no evidence log in \(path)", status: .notFound) }
            do {
                let files = try names.map { name in
                    File(
                        name: name, first: EvidenceFiles.first(of: name),
                        contents: try SequentialFile(path + "/" + name))
                }
                // Nobody took the current file's name for another one while they were opened.
                if EvidenceFiles.ordered(try Files.list(path)) == names { return files }
            } catch let failure as SystemError where failure.isNotFound {}
        }
    }

    /// Every line of a file; returns how many bytes stand behind the last.
    static func read(_ file: File, _ body: (LineSplitter.Piece) throws -> Void) throws -> Int {
        var splitter = LineSplitter()
        try read(file, &splitter, body)
        var attempts = file.first == nil ? patience : 0
        while splitter.unfinished > 0, attempts > 0 {
            SystemClock.sleep(milliseconds: 10)
            try read(file, &splitter, body)
            attempts -= 1
        }
        return splitter.unfinished
    }

    static func read(
        _ file: File, _ splitter: inout LineSplitter, _ body: (LineSplitter.Piece) throws -> Void
    ) throws {
        while true {
            let bytes = try file.contents.next(pieceBytes)
            if bytes.isEmpty { return }
            try splitter.take(bytes, body)
        }
    }
}

extension [UInt8] {
    /// Whether these bytes stand in it somewhere.
    func contains(bytes wanted: [UInt8]) -> Bool {
        guard let head = wanted.first else { return true }
        guard count >= wanted.count else { return false }
        var index = 0
        while index <= count - wanted.count {
            if self[index] == head, self[index..<(index + wanted.count)].elementsEqual(wanted) { return true }
            index += 1
        }
        return false
    }
}
