internal import Logging
internal import NIOCore

/// Rests when a connection cannot be accepted, because descriptors or memory are short: it stays in the kernel's queue,
/// so the socket stays readable, and NIO would ask again at once and for ever. (NIO's `AcceptBackoffHandler` does not
/// help: it delays the next read, and the read that failed is still pending.)
final class AcceptPause: ChannelInboundHandler {
    typealias InboundIn = any Channel

    /// Short against a login's patience, and long enough that the host has its processor for better things.
    private static let pause = TimeAmount.milliseconds(50)

    private let socket: String
    private let logger: Logger
    private var isFailing = false

    init(socket: String, logger: Logger) {
        self.socket = socket
        self.logger = logger
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if !isFailing {
            logger.error("connections have to wait", metadata: ["socket": "\(socket)", "reason": "\(error)"])
        }
        isFailing = true
        setReading(context, false)
        context.eventLoop.assumeIsolated().scheduleTask(in: Self.pause) { self.setReading(context, true) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isFailing { logger.notice("connections are accepted again", metadata: ["socket": "\(socket)"]) }
        isFailing = false
        context.fireChannelRead(data)
    }

    private func setReading(_ context: ChannelHandlerContext, _ reads: Bool) {
        // Fails on a socket that is closed meanwhile, which `VarlinkServer.run` tells.
        context.channel.setOption(.autoRead, value: reads).whenFailure { _ in }
    }
}
