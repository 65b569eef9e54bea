internal import Logging
internal import NIOCore
internal import NIOPosix
internal import ServiceLifecycle
internal import UsherSystem
internal import UsherWire

/// What answers the calls of one socket. Never throws: every outcome is an answer.
protocol VarlinkService: Sendable {
    /// Whether this peer may speak at all; the reason when not.
    func refusal(of peer: Peer) -> String?
    func answer(_ call: VarlinkCall, from peer: Peer) async -> VarlinkReply
}

/// Bounds of one socket.
struct ServerLimits: Sendable {
    /// A call with its NUL, bytes.
    var callBytes: Int
    /// Connections at a time; one more is closed at once.
    var connections: Int
    /// Connections at a time of one uid.
    var connectionsOfOneUser: Int
    /// Seconds that a connection may take to bring a whole call.
    var silence: Int64
}

/// A Varlink server on a Unix socket. It answers from its making until `stop`; as a service it only watches that the
/// socket is there.
final class VarlinkServer: Service, CustomStringConvertible {
    let description: String
    private let channel: any Channel

    /// - Parameters:
    ///   - group: of one thread: with more, each connection would cost a wake-up to be handed over.
    ///   - socket: listening, close-on-exec; the server owns it from here on.
    init(
        name: String, group: MultiThreadedEventLoopGroup, socket: Int32, limits: ServerLimits,
        service: any VarlinkService, logger: Logger
    ) async throws {
        description = "\(name) socket"
        let counter = ConnectionCounter(total: limits.connections, ofOneUser: limits.connectionsOfOneUser)
        let executor = EventLoopTaskExecutor(group.next())
        channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.maxMessagesPerRead, value: 16)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(AcceptPause(socket: name, logger: logger))
                }
            }
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        VarlinkConnection(
                            limits: limits, service: service, counter: counter, executor: executor, logger: logger))
                }
            }
            .withBoundSocket(socket)
            .get()
    }

    /// Until shutdown. Throws when the socket is lost: NIO closes a listening socket on each error of accept(2) that it
    /// does not know, and an agent that nobody can reach must end, so that another one starts.
    func run() async throws {
        let (open, closing) = AsyncStream.makeStream(of: Never.self)
        channel.closeFuture.whenComplete { _ in closing.finish() }
        await cancelWhenGracefulShutdown {
            for await _ in open {}
        }
        if !channel.isActive { throw SystemError("listen", refused: "the \(description) was lost") }
    }

    /// Stops accepting.
    func stop() async throws {
        try await channel.close()
    }
}
