/// Who takes syslog over TLS, and how the two know each other.
public struct SyslogReceiver: Sendable, Equatable {
    /// A name or an address.
    public var host: String
    /// RFC 5425 gives 6514 to it.
    public var port: UInt16
    /// PEM file of the authorities that may have signed the receiver's certificate.
    public var authority: String
    /// PEM files that show the receiver who sends; both or none.
    public var certificate: String?
    public var key: String?
    /// The name that the receiver's certificate must have; nil for `host`.
    public var serverName: String?

    public init(
        host: String, port: UInt16, authority: String, certificate: String? = nil, key: String? = nil,
        serverName: String? = nil
    ) {
        self.host = host
        self.port = port
        self.authority = authority
        self.certificate = certificate
        self.key = key
        self.serverName = serverName
    }

    /// As on a command line: `siem.example:6514`, `[2001:db8::1]:6514`.
    public var text: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// Opens connections to receivers. TLS is a module of its own, which the agent does not link.
public protocol SyslogConnector: Sendable {
    /// Returns when both sides have accepted each other.
    func connect(to receiver: SyslogReceiver) throws(ExportError) -> any SyslogConnection
}

/// A connection to one receiver; used from one thread.
public protocol SyslogConnection: AnyObject {
    /// Returns when the receiver's kernel has acknowledged the bytes.
    func send(_ bytes: [UInt8]) throws(ExportError)
    /// Throws when the connection has ended.
    func check() throws(ExportError)
    /// Ends it; whether the receiver answered that it has read up to the end.
    func close() -> Bool
}
