internal import ArgumentParser
internal import UsherExport

struct EvidenceExportSyslog: Verb {
    static let configuration = CommandConfiguration(
        commandName: "syslog",
        abstract: "Send the evidence log to a syslog receiver over TLS.",
        discussion: """
            Messages are RFC 5424 in frames of RFC 5425: facility authpriv, the session as PROCID, the kind as MSGID, and \
            as text the line of the log, byte for byte. The receiver's certificate must be signed by an authority of \
            --ca and name the receiver. Syslog knows no acknowledgement: the cursor stands where the receiver's host has \
            taken the bytes, and a new connection sends the last --resend kibibytes before it again, unless the receiver \
            answered the end of the connection before. So a line may come twice; that none is missing, show the numbers \
            and hashes in the lines (Docs/Export.md).

            EXAMPLES
              usher evidence export syslog --to siem.example:6514 --ca ca.pem
              usher evidence export syslog --to siem.example:6514 --ca ca.pem --certificate host.pem --key host.key \
                --cursor /var/lib/usher-export/cursor --follow
              usher evidence export syslog --to 192.0.2.7:6514 --server-name siem.example --ca ca.pem --from 4711
            """)

    @Option(help: ArgumentHelp("The receiver's name or address, and its port.", valueName: "host:port"))
    var to: ReceiverAddress

    @Option(help: ArgumentHelp("PEM file of the authorities that sign the receiver's certificate.", valueName: "file"))
    var ca: String

    @Option(help: ArgumentHelp("PEM file of this host's certificate, for a receiver that asks.", valueName: "file"))
    var certificate: String?

    @Option(help: ArgumentHelp("PEM file of that certificate's key, readable by no others.", valueName: "file"))
    var key: String?

    @Option(
        help: ArgumentHelp(
            "The name that the receiver's certificate must have, if not the one in --to.", valueName: "name"))
    var serverName: String?

    @Option(
        help: ArgumentHelp(
            "How much to send again after a connection was lost, in KiB: what the receiver's host may hold unread.",
            valueName: "kibibytes"))
    var resend = 8192

    @OptionGroup var export: ExportOptions

    func validate() throws {
        guard (certificate == nil) == (key == nil) else {
            throw ValidationError("--certificate and --key belong together")
        }
        guard (0...1_048_576).contains(resend) else { throw ValidationError("--resend must be 0 to 1048576") }
    }

    func perform(_ console: Console) throws {
        guard let connector = console.connector else { throw Failure("this program was built without TLS") }
        let receiver = SyslogReceiver(
            host: to.host, port: to.port, authority: ca, certificate: certificate, key: key, serverName: serverName)
        // Held before the connection's thread is there.
        let surroundings = export.surroundings(console, holdsSignals: export.follow)
        let exporter = Exporter(
            export.plan, toSyslog: receiver, by: connector, resendBytes: resend * 1024, surroundings)
        do { try exporter.run() } catch { throw Failure(error) }
    }
}

/// `siem.example:6514`, `192.0.2.7:6514`, `[2001:db8::1]:6514`.
struct ReceiverAddress: ExpressibleByArgument {
    let host: String
    let port: UInt16

    init?(argument: String) {
        guard let colon = argument.lastIndex(of: ":"), let port = UInt16(argument[argument.index(after: colon)...]),
            port > 0
        else { return nil }
        var host = argument[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty, host.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
        self.host = String(host)
        self.port = port
    }
}
