internal import UsherEvidence
internal import UsherSystem

/// Reads the evidence log from a place on, over rotations, and makes sure that no line is missing: numbers go up by
/// one, and each line names the hash of the one before.
///
/// It relies on the writer's promise that a line stands as it was written, that a file which has been renamed is not
/// written to any more, and that its name holds the number of its first line.
final class EvidenceTail {
    private let folder: EvidenceFolder
    private var position: LogPosition
    private var file: EvidenceFile?
    /// What ended the reading.
    private var failure: ExportError?
    /// The first line behind what is wrong, when it stands in the same file.
    private var pending: ExportLine?

    init(directory: String, after position: LogPosition) {
        folder = EvidenceFolder(directory)
        self.position = position
    }

    /// The next line; nil when there is none yet. An error is thrown again until `goOn`.
    func next() throws(ExportError) -> ExportLine? {
        if let failure { throw failure }
        do {
            return try read()
        } catch let error as ExportError {
            failure = error
            throw error
        } catch {
            throw ExportError(.log, "\(error)")
        }
    }

    /// Goes on behind what is wrong, with the line that the error's `resume` leads to.
    func goOn(at position: LogPosition) {
        failure = nil
        self.position = position
        // Without a line in hand the place is behind this file.
        if pending == nil { file = nil }
    }

    private func read() throws -> ExportLine? {
        if let line = pending {
            pending = nil
            position = line.end
            return line
        }
        while true {
            if file == nil { file = try folder.open(for: position.sequence + 1) }
            guard let file else { return nil }
            if let bytes = try file.nextLine() { return try accept(bytes, from: file) }
            if try folder.isCurrent(file) { return nil }
            // Between the end of file and the question, lines may have been added and the file renamed.
            if let bytes = try file.nextLine() { return try accept(bytes, from: file) }
            guard !file.endsWithPart else {
                let next = position.sequence + 1
                throw ExportError(
                    .evidence, "\(file.path) ends in the middle of line \(next): its end is cut off",
                    resume: try folder.first(after: next).map { LogPosition(sequence: $0 - 1, hash: nil) })
            }
            self.file = nil
        }
    }

    private func accept(_ bytes: [UInt8], from file: EvidenceFile) throws -> ExportLine {
        let expected = position.sequence + 1
        let line: ExportLine
        do throws(EvidenceLineError) {
            line = try ExportLine(parsing: bytes)
        } catch {
            pending = try file.nextReadable()
            let place = "\(file.path): what stands in the place of line \(expected)"
            throw ExportError(.evidence, "\(place) is no evidence line: \(error)", resume: pending?.beginning)
        }
        let wrong: String
        if line.sequence != expected {
            wrong = "lines are missing or out of order: line \(line.sequence) follows line \(position.sequence)"
        } else if let hash = position.hash, line.previous != hash {
            let reason = "it names another hash than that of line \(position.sequence), which was changed or replaced"
            wrong = "line \(expected) does not continue the log: \(reason)"
        } else {
            position = line.end
            return line
        }
        pending = line
        throw ExportError(.evidence, "\(file.path): \(wrong)", resume: line.beginning)
    }
}
