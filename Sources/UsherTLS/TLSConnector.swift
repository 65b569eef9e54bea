internal import NIOCore
internal import NIOPosix
internal import NIOSSL
public import UsherExport
internal import UsherSystem

/// Opens TLS 1.2 and 1.3 connections as RFC 5425 asks: the receiver proves who it is, and never the other way without.
public struct TLSConnector: SyslogConnector {
    /// Milliseconds for the connection, and again for the handshake.
    static let connectTime = 15_000
    /// Milliseconds after which a receiver that acknowledges nothing counts as gone.
    static let silence = 120_000

    public init() {}

    public func connect(to receiver: SyslogReceiver) throws(ExportError) -> any SyslogConnection {
        // Read each time, so that renewed certificates count from the next connection on.
        let context = try TLSFiles(receiver).context()
        let socket: InternetSocket
        do throws(SystemError) {
            socket = try InternetSocket(
                host: receiver.host, port: receiver.port, deadline: .after(milliseconds: Self.connectTime),
                silence: Self.silence)
        } catch {
            throw ExportError(.receiver, "\(receiver.text) cannot be reached: \(error)")
        }
        return try TLSConnection(receiver, socket, context)
    }
}

/// The files that a connection needs, as they are now.
struct TLSFiles {
    private static let limit = 1_048_576
    private let receiver: SyslogReceiver

    init(_ receiver: SyslogReceiver) {
        self.receiver = receiver
    }

    func context() throws(ExportError) -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.certificateVerification = .fullVerification
        configuration.shutdownTimeout = .seconds(5)
        configuration.trustRoots = .certificates(try certificates(receiver.authority))
        if let path = receiver.certificate {
            configuration.certificateChain = try certificates(path).map { .certificate($0) }
        }
        if let path = receiver.key { configuration.privateKey = .privateKey(try key(path)) }
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            let pair = "\(receiver.certificate ?? "") and \(receiver.key ?? "")"
            throw ExportError(.receiver, "certificate and key do not fit together (\(pair)): \(error)")
        }
    }

    private func certificates(_ path: String) throws(ExportError) -> [NIOSSLCertificate] {
        let bytes = try read(path, forbidden: 0o022)
        guard let certificates = try? NIOSSLCertificate.fromPEMBytes(bytes), !certificates.isEmpty else {
            throw ExportError(.receiver, "\(path) holds no certificate in PEM form")
        }
        return certificates
    }

    private func key(_ path: String) throws(ExportError) -> NIOSSLPrivateKey {
        // The group may read: systemd hands credentials over with an access list, which shows as the group's bits.
        var bytes = try read(path, forbidden: 0o037)
        defer { Secrets.wipe(&bytes) }
        guard let key = try? NIOSSLPrivateKey(bytes: bytes, format: .pem) else {
            throw ExportError(.receiver, "\(path) holds no private key in PEM form without a passphrase")
        }
        return key
    }

    private func read(_ path: String, forbidden: UInt32) throws(ExportError) -> [UInt8] {
        // Authorities of the system are links to files of packages.
        let rules = FileRules(owner: CurrentProcess.effectiveUserID, forbiddenMode: forbidden, followsLink: true)
        do throws(SystemError) {
            return try Files.read(path, limit: Self.limit, rules: rules)
        } catch {
            throw ExportError(.receiver, error.description)
        }
    }
}
