internal import Logging
internal import NIOCore
internal import NIOPosix
internal import UsherStore
internal import UsherSystem
internal import UsherWire

/// One connection: collects bytes up to a NUL, answers one call after the other, and closes on the first
/// thing that is not in order.
final class VarlinkConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let limits: ServerLimits
    private let service: any VarlinkService
    private let counter: ConnectionCounter
    private let executor: EventLoopTaskExecutor
    private let logger: Logger

    private var peer: Peer?
    private var received: [UInt8] = []
    private var answering = false
    private var silence: Scheduled<Void>?

    init(
        limits: ServerLimits, service: any VarlinkService, counter: ConnectionCounter,
        executor: EventLoopTaskExecutor, logger: Logger
    ) {
        self.limits = limits
        self.service = service
        self.counter = counter
        self.executor = executor
        self.logger = logger
    }

    func channelActive(context: ChannelHandlerContext) {
        do {
            let found = try context.pipeline.syncOperations.withUnsafeTransportIfAvailable(
                of: NIOBSDSocket.Handle.self
            ) { socket in try Peer(socket: socket) }
            guard let found else { return close(context, "not a socket") }
            if let reason = service.refusal(of: found) { return close(context, reason, peer: found) }
            guard counter.enter(uid: found.uid) else { return close(context, "too many connections", peer: found) }
            peer = found
            awaitCall(context)
        } catch {
            close(context, "\(error)")
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        silence?.cancel()
        if let peer { counter.leave(uid: peer.uid) }
        peer = nil
        wipe()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard peer != nil else { return }
        let buffer = unwrapInboundIn(data)
        guard received.count + buffer.readableBytes <= limits.callBytes else {
            return close(context, "a call of more than \(limits.callBytes) bytes")
        }
        received.append(contentsOf: buffer.readableBytesView)
        answerNext(context)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        close(context, "\(error)")
    }

    private func answerNext(_ context: ChannelHandlerContext) {
        guard !answering, let peer, let end = received.firstIndex(of: 0) else { return }
        silence?.cancel()
        guard let call = VarlinkCall.parse(received.span.extracting(0..<end)) else {
            return close(context, "not a Varlink call", peer: peer)
        }
        if end == received.count - 1 { wipe() } else { received.removeSubrange(0...end) }
        answering = true
        let reply = context.eventLoop.makePromise(of: VarlinkReply.self)
        let service = service
        Task(executorPreference: executor) {
            reply.succeed(await service.answer(call, from: peer))
        }
        reply.futureResult.assumeIsolated().whenSuccess { reply in
            self.answering = false
            guard context.channel.isActive else { return }
            context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(bytes: reply.frame())), promise: nil)
            self.awaitCall(context)
            self.answerNext(context)
        }
    }

    private func awaitCall(_ context: ChannelHandlerContext) {
        silence?.cancel()
        silence = context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(limits.silence)) {
            if !self.answering { context.close(promise: nil) }
        }
    }

    private func close(_ context: ChannelHandlerContext, _ reason: String, peer: Peer? = nil) {
        let peer = peer ?? self.peer
        logger.notice(
            "connection closed",
            metadata: [
                "reason": "\(reason)", "pid": "\(peer?.process.pid ?? 0)", "uid": "\(peer.map { "\($0.uid)" } ?? "?")",
            ])
        context.close(promise: nil)
    }

    /// The bytes received may hold a ticket.
    private func wipe() {
        Secrets.wipe(&received)
    }
}
