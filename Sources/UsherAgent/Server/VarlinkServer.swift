internal import Logging
internal import NIOCore
internal import NIOPosix
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
    var threads: Int
}

/// A Varlink server on a Unix socket. Each socket has its own threads, so that a flood on one does not slow another.
final class VarlinkServer: Sendable {
    private let name: String
    private let group: MultiThreadedEventLoopGroup
    private let channel: any Channel

    /// - Parameter socket: listening, close-on-exec; the server owns it from here on.
    init(
        name: String, socket: Int32, limits: ServerLimits, service: any VarlinkService, logger: Logger
    ) async throws {
        self.name = name
        group = MultiThreadedEventLoopGroup(numberOfThreads: limits.threads)
        let counter = ConnectionCounter(total: limits.connections, ofOneUser: limits.connectionsOfOneUser)
        let executors = Dictionary(
            uniqueKeysWithValues: group.makeIterator().map { (ObjectIdentifier($0), EventLoopTaskExecutor($0)) })
        channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.maxMessagesPerRead, value: 16)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let executor = executors[ObjectIdentifier(channel.eventLoop)] else {
                        throw ChannelError.inappropriateOperationForState
                    }
                    try channel.pipeline.syncOperations.addHandler(
                        VarlinkConnection(
                            limits: limits, service: service, counter: counter, executor: executor, logger: logger))
                }
            }
            .withBoundSocket(socket)
            .get()
    }

    /// Stops accepting, lets answers that are under way go out, and ends the threads.
    func stop() async throws {
        try await channel.close()
        try await group.shutdownGracefully()
    }
}
