internal import UsherEvidence
internal import UsherSystem

/// A file, a named pipe, or standard output: lines as they are.
final class FileTarget: ExportTarget {
    /// Only lines of this session; all when nil.
    private let session: String?
    /// Nil for standard output.
    private let path: String?
    private var file: LineOutput?

    init(_ path: String?, session: String?) {
        self.path = path
        self.session = session
    }

    var destination: String {
        let only = session.map { " " + $0 } ?? ""
        return "file \(path ?? "-")\(only)"
    }

    /// What a file has is on the disk when `deliver` returns. Of a pipe nothing is known, and whoever reads it is there
    /// or the writing fails.
    var uncertainBytes: Int { 0 }

    func open() throws(ExportError) {
        guard let path else { return }
        do throws(SystemError) {
            file = try LineOutput(path, mode: 0o600, lineLimit: EvidenceLimits.lineBytes)
        } catch {
            throw ExportError(.receiver, error.description)
        }
    }

    func deliver(_ lines: [ExportLine]) throws(ExportError) {
        var bytes: [UInt8] = []
        for line in lines where session == nil || line.record.session == session {
            bytes += line.bytes
            bytes.append(UInt8(ascii: "\n"))
        }
        guard !bytes.isEmpty else { return }
        do throws(SystemError) {
            if let file { try file.append(bytes) } else { try StandardStreams.write(bytes) }
        } catch {
            throw ExportError(.receiver, error.description)
        }
    }

    func check() {}

    func close() -> Bool {
        file = nil
        return true
    }
}
