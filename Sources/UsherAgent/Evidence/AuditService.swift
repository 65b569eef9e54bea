internal import Logging
internal import Synchronization
internal import UsherEvidence
internal import UsherSystem
internal import UsherWire

/// io.usher.Audit: what auditd's plugin delivers.
struct AuditService: VarlinkService {
    /// The account that the plugin runs as; sysusers.d makes it.
    static let account = "usher-audit"

    /// The plugin's uid; nil on a host without it, where only root may deliver.
    let uid: UInt32?
    let intake: any AuditIntake
    let plugin: PluginState
    /// Root in a session is still that session's operator, and writes no evidence.
    let authorization: Authorization
    let detection: DetectionDesk
    let logger: Logger

    func refusal(of peer: Peer) -> String? {
        guard peer.uid == 0 || peer.uid == uid else { return "io.usher.Audit is for the plugin only" }
        do throws(SystemError) {
            guard let live = try authorization.sessionOf(peer) else { return nil }
            let reason = "a caller inside session \(live.id) delivers no evidence"
            detection.controlRefused(
                session: live.session, method: "io.usher.Audit.Deliver", reason: reason, peer: peer)
            return reason
        } catch {
            return "the caller's session cannot be told: \(error)"
        }
    }

    func answer(_ call: VarlinkCall, from peer: Peer) async -> VarlinkReply {
        guard call.method.equals("io.usher.Audit.Deliver") else { return .methodNotFound(call) }
        do throws(ParameterError) {
            return await deliver(try Delivered(call.parameters))
        } catch {
            return .invalidParameter(error)
        }
    }

    private func deliver(_ delivered: Delivered) async -> VarlinkReply {
        let clock = SystemClock.realtimeNanoseconds() / 1_000_000
        switch plugin.begin(delivered, clock: clock, now: SystemClock.boottimeNanoseconds()) {
        case .repeated: return .ok(["acknowledged": .number(delivered.number)])
        case .busy: return .failure("io.usher.Audit.NotKept")
        case .outOfOrder(let expected):
            return .failure("io.usher.Audit.OutOfOrder", ["expected": .number(expected)])
        case .new(let before):
            var batch = delivered.batch
            batch.gaps += before
            batch.gaps += batch.events.compactMap { ConfigurationChange.gap(in: $0, clock: clock) }
            do {
                if !batch.events.isEmpty || !batch.gaps.isEmpty { try await intake.take(batch) }
                plugin.finish(delivered, taken: true)
                return .ok(["acknowledged": .number(delivered.number)])
            } catch {
                plugin.finish(delivered, taken: false)
                logger.error(
                    "audit events not kept", metadata: ["events": "\(batch.events.count)", "reason": "\(error)"])
                return .failure("io.usher.Audit.NotKept")
            }
        }
    }

    /// The parameters of a call, checked.
    struct Delivered {
        var stream: String
        var number: Int64
        var batch: AuditBatch

        init(_ object: JSONObject) throws(ParameterError) {
            guard object.members.count == 4 else { throw ParameterError(name: "parameters") }
            guard case .string(let stream)? = object["stream"], (1...64).contains(stream.count) else {
                throw ParameterError(name: "stream")
            }
            guard case .integer(let number)? = object["number"], number > 0 else {
                throw ParameterError(name: "number")
            }
            guard case .array(let values)? = object["events"] else { throw ParameterError(name: "events") }
            var events: [AuditEvent] = []
            events.reserveCapacity(values.count)
            for value in values {
                guard let event = AuditEvent(value) else { throw ParameterError(name: "events") }
                events.append(event)
            }
            guard case .array(let rows)? = object["gaps"] else { throw ParameterError(name: "gaps") }
            var gaps: [EvidenceGap] = []
            for row in rows {
                guard let gap = EvidenceGap(row) else { throw ParameterError(name: "gaps") }
                gaps.append(gap)
            }
            self.stream = String(decoding: stream, as: UTF8.self)
            self.number = number
            batch = AuditBatch(events: events, gaps: gaps)
        }
    }
}

/// What is known of the plugin: which run of it speaks, how far it has come, and when it was last heard.
final class PluginState: Sendable {
    enum Turn: Equatable {
        /// To be taken, with the gaps before it.
        case new([EvidenceGap])
        /// Taken already: its answer did not arrive.
        case repeated
        case outOfOrder(Int64)
        /// A batch is being taken; another connection brought this one.
        case busy
    }

    /// When the plugin was last heard.
    struct Heard: Equatable {
        /// Boot clock, nanoseconds.
        var boot: Int64
        /// Milliseconds since 1970.
        var clock: Int64
    }

    private struct State {
        var stream: String?
        var number: Int64 = 0
        var isTaking = false
        var heard: Heard?
        var delivered: Int64?
    }

    private let state = Mutex(State())

    var heard: Heard? { state.withLock(\.heard) }

    /// The newest event that has been taken, milliseconds since 1970.
    var delivered: Int64? { state.withLock(\.delivered) }

    func begin(_ delivered: AuditService.Delivered, clock: Int64, now: Int64) -> Turn {
        state.withLock { state in
            guard !state.isTaking else { return .busy }
            let before = state.heard
            state.heard = Heard(boot: now, clock: clock)
            var gaps: [EvidenceGap] = []
            if state.stream == delivered.stream {
                guard delivered.number != state.number else { return .repeated }
                guard delivered.number == state.number + 1 else { return .outOfOrder(state.number + 1) }
            } else if state.stream != nil, let before {
                // What the former run had read and not delivered is lost, and what auditd wrote until this one began.
                gaps.append(
                    EvidenceGap(
                        from: before.clock, to: max(clock, before.clock), cause: .pluginDown,
                        detail: "usher-audit was started anew"))
            }
            state.isTaking = true
            return .new(gaps)
        }
    }

    func finish(_ delivered: AuditService.Delivered, taken: Bool) {
        state.withLock { state in
            state.isTaking = false
            guard taken else { return }
            state.stream = delivered.stream
            state.number = delivered.number
            let newest = delivered.batch.events.map(\.stamp.milliseconds).max()
            state.delivered = newest ?? state.delivered
        }
    }
}

/// What a CONFIG_CHANGE record says about our own sight, also where the state is back before anybody looks at it.
enum ConfigurationChange {
    static func gap(in event: AuditEvent, clock: Int64) -> EvidenceGap? {
        guard event.type == "CONFIG_CHANGE" else { return nil }
        let time = event.stamp.milliseconds
        let operation = value("op", event)
        if operation == "remove_rule", event.keys.contains(where: { $0.hasPrefix("usher-") }) {
            return EvidenceGap(
                from: time, to: max(clock, time), cause: .rulesChanged,
                detail: "a rule with key \(event.keys.joined(separator: ",")) was removed by auid \(who(event))")
        }
        if value("audit_enabled", event) == "0", value("old", event) != "0" {
            return EvidenceGap(
                from: time, to: max(clock, time), cause: .auditDisabled, detail: "switched off by auid \(who(event))")
        }
        return nil
    }

    private static func value(_ name: String, _ event: AuditEvent) -> String? {
        event.fields.first { $0.name == name }.map { String(decoding: $0.value, as: UTF8.self) }
    }

    private static func who(_ event: AuditEvent) -> String {
        event.process?.auid.map { "\($0)" } ?? value("auid", event) ?? "unset"
    }
}
