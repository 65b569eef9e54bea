internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import NIOTLS
internal import UsherExport
internal import UsherSystem

/// A connection to one receiver. All of it waits on the caller's thread; the event loop belongs to the connection.
final class TLSConnection: SyslogConnection {
    private let receiver: SyslogReceiver
    /// Kept beside the channel's own descriptor, so that the kernel can be asked as long as the connection is used.
    private let socket: InternetSocket
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let channel: any Channel
    private let end: NIOLockedValueBox<(any Error)?>
    private var isClosed = false

    init(_ receiver: SyslogReceiver, _ socket: InternetSocket, _ context: NIOSSLContext) throws(ExportError) {
        self.receiver = receiver
        self.socket = socket
        let end = NIOLockedValueBox<(any Error)?>(nil)
        self.end = end
        let serverName = receiver.serverName ?? (Self.isAddress(receiver.host) ? nil : receiver.host)
        let group = group
        do {
            let handshake = group.next().makePromise(of: Void.self)
            let descriptor = try socket.duplicate()
            let bootstrap = ClientBootstrap(group: group).channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handlers = channel.pipeline.syncOperations
                    try handlers.addHandler(NIOSSLClientHandler(context: context, serverHostname: serverName))
                    try handlers.addHandler(ReceiverWatch(serverName, handshake, end))
                }
            }
            let connected = bootstrap.withConnectedSocket(descriptor)
            connected.whenFailure { handshake.fail($0) }
            let limit = group.next().scheduleTask(in: .milliseconds(Int64(TLSConnector.connectTime))) {
                handshake.fail(SystemError("TLS handshake", refused: "no answer"))
            }
            defer { limit.cancel() }
            channel = try connected.wait()
            do {
                try handshake.futureResult.wait()
            } catch {
                channel.close(promise: nil)
                throw error
            }
        } catch {
            try? group.syncShutdownGracefully()
            throw Self.explain(error, receiver, serverName)
        }
    }

    func send(_ bytes: [UInt8]) throws(ExportError) {
        do {
            try channel.writeAndFlush(channel.allocator.buffer(bytes: bytes)).wait()
        } catch {
            throw lost(error)
        }
        // Far receivers take a moment, near ones none.
        var pause = 1
        while try unacknowledged() > 0 {
            SystemClock.sleep(milliseconds: pause)
            pause = min(pause * 2, 50)
        }
        try check()
    }

    func check() throws(ExportError) {
        guard channel.isActive else { throw lost(nil) }
        _ = try unacknowledged()
    }

    /// The answer to close_notify comes when everything before it was read.
    func close() -> Bool {
        guard !isClosed else { return false }
        isClosed = true
        defer { try? group.syncShutdownGracefully() }
        guard channel.isActive, end.withLockedValue({ $0 == nil }) else { return false }
        do {
            try channel.close().wait()
            return true
        } catch {
            return false
        }
    }

    deinit {
        _ = close()
    }

    private func unacknowledged() throws(ExportError) -> Int {
        do throws(SystemError) {
            return try socket.unacknowledgedBytes()
        } catch {
            throw lost(error)
        }
    }

    /// The connection ended; what was seen first says most.
    private func lost(_ error: (any Error)?) -> ExportError {
        guard let reason = end.withLockedValue({ $0 }) ?? error else {
            return ExportError(.receiver, "\(receiver.text) closed the connection")
        }
        return ExportError(.receiver, "\(receiver.text) closed the connection: \(Self.text(reason))")
    }

    private static func isAddress(_ host: String) -> Bool {
        (try? NIOCore.SocketAddress(ipAddress: host, port: 0)) != nil
    }

    private static func explain(_ error: any Error, _ receiver: SyslogReceiver, _ name: String?) -> ExportError {
        let text = text(error)
        if let error = error as? NIOSSLExtraError, error == .failedToValidateHostname {
            let wanted = name ?? receiver.host
            return ExportError(
                .receiver, "the certificate of \(receiver.text) is not for \(wanted); --server-name says another name")
        }
        if text.contains("CERTIFICATE_VERIFY_FAILED") {
            let reason = "not signed by an authority in \(receiver.authority), or not in force now"
            return ExportError(.receiver, "the certificate of \(receiver.text) does not fit: \(reason)")
        }
        return ExportError(.receiver, "no TLS with \(receiver.text): \(text)")
    }

    private static func text(_ error: any Error) -> String {
        switch error {
        case NIOSSLError.uncleanShutdown: "it ended without close_notify"
        default: "\(error)"
        }
    }
}

/// Tells the handshake's end, and what ended the connection. A receiver has nothing to say: what it sends is dropped.
private final class ReceiverWatch: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// The name that the certificate must have; nil where it must have the address.
    private let name: String?
    private let handshake: EventLoopPromise<Void>
    private let end: NIOLockedValueBox<(any Error)?>

    init(_ name: String?, _ handshake: EventLoopPromise<Void>, _ end: NIOLockedValueBox<(any Error)?>) {
        self.name = name
        self.handshake = handshake
        self.end = end
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case TLSUserEvent.handshakeCompleted = event {
            let certificate = try? context.pipeline.syncOperations.nioSSL_peerCertificate()
            if let name, !CertificateName.names(certificate, name) {
                return errorCaught(context: context, error: NIOSSLExtraError.failedToValidateHostname)
            }
            handshake.succeed()
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end.withLockedValue { if $0 == nil { $0 = error } }
        handshake.fail(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        handshake.fail(ChannelError.eof)
        context.fireChannelInactive()
    }
}
