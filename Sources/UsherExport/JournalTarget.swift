internal import UsherSystem

/// The journal of this host, one entry a line.
///
/// journald does not acknowledge what it was handed either; it may hold this much unread when it ends.
final class JournalTarget: ExportTarget {
    /// A socket's receive buffer is 208 KiB unless changed (`net.core.rmem_default`); entries are about twice a line.
    let uncertainBytes = 262_144
    private let path: String
    private var socket: JournalSocket?

    init(_ path: String) {
        self.path = path
    }

    var destination: String { "journal \(path)" }

    func open() throws(ExportError) {
        do throws(SystemError) {
            socket = try JournalSocket(path)
        } catch {
            throw ExportError(.receiver, "journald does not answer: \(error)")
        }
    }

    func deliver(_ lines: [ExportLine]) throws(ExportError) {
        do throws(SystemError) {
            for line in lines { try socket?.send(JournalEntry.encode(line)) }
        } catch {
            throw ExportError(.receiver, "journald took no entry: \(error)")
        }
    }

    func check() {}

    func close() -> Bool {
        socket = nil
        return false
    }
}
