internal import UsherSystem

/// RFC 5424 over TLS, framed as RFC 5425 has it.
///
/// RFC 5425 knows no acknowledgement. What is known is that the receiver's kernel has the bytes (TCP), which its program
/// may never read; hence `uncertainBytes`, more than Linux lets a socket hold unread (`net.ipv4.tcp_rmem`, 6 MiB).
final class SyslogTarget: ExportTarget {
    let uncertainBytes: Int
    private let receiver: SyslogReceiver
    private let connector: any SyslogConnector
    private let host: [UInt8]
    private var connection: (any SyslogConnection)?

    init(_ receiver: SyslogReceiver, by connector: any SyslogConnector, host: String, uncertainBytes: Int) {
        self.receiver = receiver
        self.connector = connector
        self.host = Array(host.utf8)
        self.uncertainBytes = uncertainBytes
    }

    var destination: String { "syslog \(receiver.text)" }

    func open() throws(ExportError) {
        connection = try connector.connect(to: receiver)
    }

    func deliver(_ lines: [ExportLine]) throws(ExportError) {
        try connection?.send(lines.flatMap { SyslogMessage.frame($0, host: host) })
    }

    func check() throws(ExportError) {
        try connection?.check()
    }

    func close() -> Bool {
        defer { connection = nil }
        return connection?.close() ?? false
    }
}
