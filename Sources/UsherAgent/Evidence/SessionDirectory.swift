internal import Logging
internal import Synchronization
internal import UsherEvidence
internal import UsherStore
internal import UsherSystem
internal import UsherWire

/// Sessions as events ask for them: the live ones of the registry, those closed lately from memory, older ones from the
/// database.
final class SessionDirectory: SessionKnowledge, Sendable {
    /// Closed sessions that are kept in memory.
    private static let remembered = 4096
    /// How long it is believed that the database knows nothing, nanoseconds: a stream full of strangers asks for each.
    private static let oblivion: Int64 = 2_000_000_000

    /// How long the stream waits for an opening, once for each: nothing but our own module and the commit run meanwhile.
    private static let patience: Duration = .seconds(1)

    private enum Key: Hashable {
        case ses(UInt32)
        case uid(UInt32)
    }

    private struct Awaited: Hashable {
        var uid: UInt32
        var isByName: Bool
    }

    private struct State {
        var byKey: [Key: KnownSession] = [:]
        /// Keys in the order in which they came.
        var order: [Key] = []
        /// Boot clock, nanoseconds.
        var missing: [Key: Int64] = [:]
        /// Numbers that processes of sessions took for themselves.
        var taken: [UInt32: KnownSession] = [:]
        /// Openings that were waited for.
        var awaited: Set<Awaited> = []
    }

    private let bootID: String
    private let registry: Registry
    private let store: Store
    private let cgroups: SessionCgroups
    private let logger: Logger
    private let state = Mutex(State())

    init(bootID: String, registry: Registry, store: Store, cgroups: SessionCgroups, logger: Logger) {
        self.bootID = bootID
        self.registry = registry
        self.store = store
        self.cgroups = cgroups
        self.logger = logger
    }

    func session(ses: UInt32) -> KnownSession? {
        find(.ses(ses), live: { registry.session(auditSession: ses)?.session }) { () throws(StoreError) in
            try store.session(bootID: bootID, auditSession: ses)
        }
    }

    func session(takenSES ses: UInt32) -> KnownSession? { state.withLock { $0.taken[ses] } }

    func note(ses: UInt32, of session: KnownSession) {
        state.withLock { state in
            if state.taken.count >= Self.remembered { state.taken.removeAll() }
            if session.auditSession != ses { state.taken[ses] = session }
        }
    }

    func session(ephemeralUID uid: UInt32, at time: Int64) -> KnownSession? {
        let known = find(.uid(uid), live: { registry.session(ephemeralUID: uid)?.session }) { () throws(StoreError) in
            try store.session(ephemeralUID: uid, openedBy: Int64.max / 1000)
        }
        // The login process has the loginuid some moments before the session is opened; a uid rests between sessions.
        let slack: Int64 = 120_000
        guard let known, known.openedAt > time + slack else { return known }
        return attempt("session of uid \(uid)") { () throws(StoreError) in
            try store.session(ephemeralUID: uid, openedBy: time / 1000 + 1).map { KnownSession($0) }
        } ?? nil
    }

    func sessions(existingUID uid: UInt32, at time: Int64) -> [KnownSession] {
        let live = registry.sessions().map(\.session).filter {
            $0.admission.kind == .existing && $0.admission.uid == uid && $0.openedAt * 1000 <= time + 1000
        }
        if !live.isEmpty { return live.map { KnownSession($0) } }
        return attempt("sessions of uid \(uid)") { () throws(StoreError) in
            try store.sessions(
                existingUID: uid, endedAfter: time / 1000 - 1, openedBy: time / 1000 + 1, limit: 4
            ).map { KnownSession($0) }
        } ?? []
    }

    func session(cgroupOf pid: Int32, at time: Int64) -> KnownSession? {
        let live = registry.sessions().map(\.session)
        guard !live.isEmpty else { return nil }
        guard let group = try? Processes.cgroup(pid), group != "/", let stat = try? Processes.stat(pid) else {
            return nil
        }
        let now = SystemClock.realtimeNanoseconds() / 1_000_000
        let age = SystemClock.boottimeNanoseconds() / 1_000_000 - Int64(stat.identity.startTime) * 10
        guard now - age <= time + 1000 else { return nil }
        for session in live {
            let own = cgroups.group(of: session).membership
            if group == own || group.hasPrefix(own + "/") { return KnownSession(session) }
            let uid = session.admission.uid
            // From the root: below a cgroup of his own, everybody makes what names he likes (systemd's Delegate=).
            let manager = "/user.slice/user-\(uid).slice/user@\(uid).service"
            if session.admission.kind == .ephemeral, group == manager || group.hasPrefix(manager + "/") {
                return KnownSession(session)
            }
        }
        return nil
    }

    func sessions(from: Int64, to: Int64) -> [KnownSession] {
        let live = registry.sessions().map(\.session).filter { $0.openedAt * 1000 <= to + 1000 }
        let names = Set(live.map(\.id))
        let closed = attempt("closed sessions") { () throws(StoreError) in
            try store.sessions(closedAfter: from / 1000 - 1, openedBy: to / 1000 + 1, limit: 1000)
        }
        return live.map { KnownSession($0) }
            + (closed ?? []).filter { !names.contains($0.id) }.map { KnownSession($0) }
    }

    func settle(_ events: [AuditEvent]) async {
        // PAM's records before the loginuid name the account; the two are waited for apart, as a login can take long
        // between them.
        var expected: Set<Awaited> = []
        for event in events {
            if let auid = event.process?.auid { expected.insert(Awaited(uid: auid, isByName: false)) }
            if event.process?.auid == nil, let name = event.field("acct"),
                let uid = EphemeralAccount.uid(ofName: name.span)
            {
                expected.insert(Awaited(uid: uid, isByName: true))
            }
        }
        expected = expected.filter { isOpening($0.uid) }
        guard !expected.isEmpty else { return }
        let new = state.withLock { state in
            let new = expected.subtracting(state.awaited)
            if state.awaited.count > Self.remembered { state.awaited.removeAll() }
            state.awaited.formUnion(new)
            return new
        }
        guard !new.isEmpty else { return }
        let end = ContinuousClock.now + Self.patience
        while ContinuousClock.now < end, new.contains(where: { isOpening($0.uid) }) {
            try? await Task.sleep(for: .milliseconds(5))
        }
    }

    /// An ephemeral account that was admitted and has no session yet.
    private func isOpening(_ uid: UInt32) -> Bool {
        registry.holds(uid: uid) && registry.session(ephemeralUID: uid) == nil
    }

    private func find(
        _ key: Key, live: () -> Session?, stored: () throws(StoreError) -> Session?
    ) -> KnownSession? {
        if let known = state.withLock({ $0.byKey[key] }) {
            if known.closedAt != nil, case .uid = key, let session = live() {
                // The uid was given again.
                let next = KnownSession(session)
                remember(next, as: key)
                return next
            }
            guard known.closedAt == nil, registry.session(id: known.id) == nil else { return known }
            // Closed since it was found; when exactly, its row says.
            var closed = known
            closed.closedAt =
                (attempt(known.id) { () throws(StoreError) in try store.session(id: known.id) } ?? nil)?
                .closedAt.map { $0 * 1000 }
            remember(closed, as: key)
            return closed
        }
        if let session = live() {
            let known = KnownSession(session)
            remember(known, as: key)
            return known
        }
        let now = SystemClock.boottimeNanoseconds()
        if let until = state.withLock({ $0.missing[key] }), now < until { return nil }
        if let row = attempt("\(key)", stored) ?? nil {
            let known = KnownSession(row)
            remember(known, as: key)
            return known
        }
        state.withLock { state in
            if state.missing.count >= Self.remembered { state.missing.removeAll(keepingCapacity: true) }
            state.missing[key] = now + Self.oblivion
        }
        return nil
    }

    private func remember(_ session: KnownSession, as key: Key) {
        state.withLock { state in
            if state.byKey.updateValue(session, forKey: key) == nil { state.order.append(key) }
            state.missing[key] = nil
            if state.order.count > 2 * Self.remembered {
                for old in state.order.prefix(Self.remembered) { state.byKey[old] = nil }
                state.order.removeFirst(Self.remembered)
            }
        }
    }

    /// A database that does not answer costs the name, not the event.
    private func attempt<Value>(_ what: String, _ body: () throws(StoreError) -> Value) -> Value? {
        do {
            return try body()
        } catch {
            logger.error("session not looked up", metadata: ["what": "\(what)", "reason": "\(error)"])
            return nil
        }
    }
}
