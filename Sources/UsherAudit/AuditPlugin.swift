public import UsherSystem
public import UsherWire

/// The plugin's life: standard input to the agent's socket, on one thread that never waits for one of them alone.
public final class AuditPlugin {
    /// Milliseconds without a call after which an empty one says that the plugin is there.
    static let heartbeat = 500
    /// Milliseconds for what is left when auditd ends or asks to end; auditd kills nobody, but the host may be going down.
    static let lastWords = 5000
    /// Milliseconds between attempts to reach the agent: doubled from the first to the last.
    static let pauses = 100...5000
    private static let answerBytes = 16_384

    private let socketPath: String
    private let signals: SignalDescriptor
    private var stream = AuditStream()
    private let parser: EventParser
    private var delivery: Delivery
    private var connection: Connection?
    private var nextAttempt = Deadline.after(milliseconds: 0)
    private var pause = pauses.lowerBound
    private var nextCall = Deadline.after(milliseconds: 0)
    private var ending: Deadline?
    private var inputIsOpen = true
    private var isTold = false
    private var buffer = [UInt8](repeating: 0, count: 262_144)

    /// A connection and how far its call and answer have come.
    private final class Connection {
        let socket: OwnedDescriptor
        var sentBytes = 0
        var answer: [UInt8] = []

        init(_ socket: consuming OwnedDescriptor) {
            self.socket = socket
        }
    }

    /// Takes SIGTERM and SIGHUP from here on.
    public init(socket: String = "\(Paths.auditSocket)") throws(SystemError) {
        let name = try Randomness.bytes(8)
        signals = try SignalDescriptor([Signals.terminate, Signals.hangup])
        guard let parser = EventParser() else { throw SystemError("start libauparse", refused: "no memory") }
        self.parser = parser
        socketPath = socket
        delivery = Delivery(stream: name.map { byte in String(UInt16(byte) | 0x100, radix: 16).suffix(2) }.joined())
    }

    /// Until the end of standard input or SIGTERM, and then at most `lastWords` longer.
    /// - Returns: whether everything was acknowledged.
    public func run() throws(SystemError) -> Bool {
        try StandardStreams.setInputNonBlocking()
        while true {
            if let ending, ending.hasPassed || isDone { return isDone }
            try turn()
        }
    }

    private var canPrepare: Bool { delivery.hasRoom && !stream.isDrained }
    private var isDone: Bool { stream.isDrained && !delivery.hasSomething }

    /// Waits until there is something to do, and does it. Reading comes first.
    private func turn() throws(SystemError) {
        connectWhenDue()
        let hasWork = delivery.frame == nil ? delivery.hasSomething || !stream.isDrained : canPrepare
        var interests = [Poll.Interest(signals.rawValue), Poll.Interest(inputIsOpen ? 0 : -1)]
        if let connection {
            let hasMore = delivery.frame.map { connection.sentBytes < $0.count } ?? false
            interests.append(Poll.Interest(connection.socket.rawValue, writing: hasMore))
        }
        let ready = try Poll.wait(interests, milliseconds: hasWork ? 0 : waitMilliseconds)
        if ready[0] { try takeSignals() }
        if ready[1] { try read() }
        let now = SystemClock.monotonicNanoseconds()
        stream.age(now: now, all: !inputIsOpen)
        delivery.prepare(from: &stream, with: parser)
        // Never while another frame is on its way: a connection carries it once.
        if delivery.frame == nil,
            nextCall.hasPassed || (delivery.hasSomething && (stream.isDrained || !delivery.hasRoom))
        {
            delivery.send()
            connection?.sentBytes = 0
        }
        if connection != nil { exchange() }
    }

    private var waitMilliseconds: Int32 {
        let attempt = connection == nil ? nextAttempt.remainingMilliseconds : nextCall.remainingMilliseconds
        let end = ending?.remainingMilliseconds ?? 500
        return max(min(attempt, end, 500), 1)
    }

    private func takeSignals() throws(SystemError) {
        while let number = try signals.next() {
            if number == Signals.hangup {
                // auditd passes it on when it reads its configuration again. There is none here: the agent is asked anew.
                disconnect(because: nil)
                nextAttempt = .after(milliseconds: 0)
            } else {
                inputIsOpen = false
                ending = .after(milliseconds: Self.lastWords)
            }
        }
    }

    /// As much as there is, but not for ever: the answers must be heard too.
    private func read() throws(SystemError) {
        for _ in 0..<8 {
            guard let count = try StandardStreams.readAvailable(&buffer) else { return }
            guard count > 0 else {
                inputIsOpen = false
                ending = .after(milliseconds: Self.lastWords)
                return
            }
            stream.take(
                count == buffer.count ? buffer : Array(buffer[..<count]), now: SystemClock.monotonicNanoseconds(),
                clock: SystemClock.realtimeNanoseconds() / 1_000_000)
            if count < buffer.count { return }
        }
    }

    private func connectWhenDue() {
        guard connection == nil, nextAttempt.hasPassed else { return }
        do throws(SystemError) {
            connection = Connection(try UnixSocket.connect(socketPath, deadline: .after(milliseconds: 50)))
            if isTold { SystemLog.authentication(.notice, identity: "usher-audit", "the agent is there again") }
            isTold = false
            nextCall = .after(milliseconds: 0)
        } catch {
            disconnect(because: "\(error)")
        }
    }

    private func disconnect(because reason: String?) {
        connection = nil
        guard let reason else { return }
        nextAttempt = .after(milliseconds: pause)
        pause = min(pause * 2, Self.pauses.upperBound)
        if !isTold { SystemLog.authentication(.error, identity: "usher-audit", "events wait for the agent: \(reason)") }
        isTold = true
    }

    private func exchange() {
        guard let connection else { return }
        do throws(SystemError) {
            if let frame = delivery.frame, connection.sentBytes < frame.count {
                connection.sentBytes += try UnixSocket.sendAvailable(connection.socket, frame[connection.sentBytes...])
            }
            guard let bytes = try UnixSocket.receiveAvailable(connection.socket, limit: Self.answerBytes) else {
                return
            }
            guard !bytes.isEmpty else { return disconnect(because: "the agent closed the connection") }
            connection.answer += bytes
            guard connection.answer.last == 0 else {
                if connection.answer.count > Self.answerBytes { disconnect(because: "an answer that is too long") }
                return
            }
            let answer = Array(connection.answer.dropLast())
            connection.answer = []
            judge(delivery.answer(answer))
        } catch {
            disconnect(because: "\(error)")
        }
    }

    private func judge(_ outcome: Delivery.Outcome) {
        switch outcome {
        case .acknowledged:
            pause = Self.pauses.lowerBound
            nextCall = .after(milliseconds: Self.heartbeat)
        case .later(let reason): disconnect(because: reason)
        case .refused(let reason):
            SystemLog.authentication(.error, identity: "usher-audit", "the agent refused a batch: \(reason)")
            nextCall = .after(milliseconds: pause)
        case .nonsense: disconnect(because: "what came from the agent is no answer")
        }
    }
}
