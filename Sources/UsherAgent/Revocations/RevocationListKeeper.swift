internal import Logging
internal import NIOPosix
internal import Synchronization
internal import UsherConfig
internal import UsherEvidence
internal import UsherPolicy
internal import UsherStore
internal import UsherSystem
internal import UsherTicket

/// Watches the signed revocation list: a look at the file's status twice a second, which also sees a file system that
/// tells no inotify, and a reading when it changed. A list that is not taken leaves the one before in force.
final class RevocationListKeeper: Sendable {
    /// How things stand with the list.
    enum Standing: Sendable, Equatable {
        /// The host has no list.
        case notConfigured
        case inForce
        /// None, or none any more; with the reason.
        case missing(String)
        case expired(String)
    }

    private struct State: Sendable {
        var path: String?
        var trust: [TrustEntry] = []
        /// The file as it was judged last; nil to read it again.
        var judged: FileStatus?
        var isFileMissing = false
        /// Why the file's list is not the one in force.
        var problem: String?
        /// Why nobody knows whether the one in force stands by the trust entries of now. Its entries count on.
        var unchecked: String?
        /// Signed by a key that is trusted now.
        var inForce: SignedRevocationList?
        /// When the one in force expires, on the boot clock, which nobody can set back.
        var expiresBoot: Int64 = 0
        /// The list that the database has, whoever signed it: the next must follow it.
        var last: SignedRevocationList?
        /// What the journal was told last, and when on the boot clock.
        var told: (standing: Standing, problem: String?, at: Int64)?
    }

    /// Nanoseconds after which the journal is told again of a list that is still missing.
    private static let reminder: Int64 = 3_600_000_000_000

    private let policy: CurrentPolicy
    private let store: Store
    private let revocations: Revocations
    private let threads: NIOThreadPool
    private let logger: Logger
    private let state = Mutex(State())

    init(
        policy: CurrentPolicy, store: Store, revocations: Revocations, threads: NIOThreadPool, logger: Logger
    ) {
        self.policy = policy
        self.store = store
        self.revocations = revocations
        self.threads = threads
        self.logger = logger
    }

    /// Why every ticket is refused now; nil when none is, because the list is in force or the host only wants alarms.
    func refusal(now: Int64) -> String? {
        let configuration = policy.now.configuration
        guard configuration.revocationList != nil, configuration.revocationMissing == .refuse else { return nil }
        switch standing(now: now) {
        case .notConfigured, .inForce: return nil
        case .missing(let reason): return "the revocation list is missing: \(reason)"
        case .expired(let reason): return "the revocation list has expired: \(reason)"
        }
    }

    /// How things stand at a time of the wall clock.
    func standing(now: Int64) -> Standing {
        let configuration = policy.now.configuration
        guard let path = configuration.revocationList else { return .notConfigured }
        let state = state.withLock { $0 }
        // A configuration that was read a moment ago.
        guard state.path == path else { return .missing("\(path) has not been read yet") }
        if let reason = state.unchecked { return .missing("the list that was taken before: \(reason)") }
        guard let list = state.inForce?.unverified else {
            return .missing(state.problem ?? (state.isFileMissing ? "there is no \(path)" : "none was taken"))
        }
        if state.isFileMissing { return .missing("there is no \(path)") }
        let problem = state.problem.map { "; the file's: \($0)" } ?? ""
        if now < list.issuedAt - configuration.skew {
            return .missing("the clock is behind the list, which was issued at \(list.issuedAt)\(problem)")
        }
        if now >= list.expiresAt + configuration.skew || SystemClock.boottimeNanoseconds() >= state.expiresBoot {
            return .expired("it was good until \(list.expiresAt)\(problem)")
        }
        return .inForce
    }

    /// The list in force and what is wrong with the file, for `usher revoke list`.
    var report: (list: RevocationList?, problem: String?) {
        state.withLock { ($0.inForce?.unverified, $0.problem) }
    }

    /// Before anybody is served: the list that was taken before counts from now on.
    ///
    /// - Throws: when the database cannot be read.
    func start() async throws(StoreError) {
        let host = policy.now
        if let path = host.configuration.revocationList { try await begin(path, host) }
    }

    /// Looks at the file, takes what may be taken, and tells the journal what changed. One caller at a time.
    func check() async {
        let host = policy.now
        guard let path = host.configuration.revocationList else {
            let had = state.withLock { state in
                defer { state = State() }
                return state.path != nil
            }
            if had { store.revocations.replace(.list, by: []) }
            return
        }
        do throws(StoreError) {
            if state.withLock({ $0.path != path || $0.trust != host.trust }) { try await begin(path, host) }
            await look(path, host)
        } catch {
            // What was revoked stays revoked; the next look tries again.
            state.withLock { $0.unchecked = "\(error)" }
        }
        tell(path, now: SystemClock.realtimeSeconds())
    }

    /// Starts from the list in the database, its signature checked by the trust entries of now.
    ///
    /// - Throws: when the database cannot be read. Then everything is as before.
    private func begin(_ path: String, _ host: HostPolicy) async throws(StoreError) {
        let text = try store.takenList()
        let mark = try store.clockMark()
        var new = State(path: path, trust: host.trust, told: state.withLock { $0.told })
        do {
            if let text {
                let list = try RevocationListParser.parse(text)
                new.last = list
                _ = try RevocationListRules.verify(list, trust: host.trust)
                new.inForce = list
                new.expiresBoot = expiry(list.unverified, host, mark: mark)
            }
        } catch {
            new.problem = "the list that was taken before: \(error)"
        }
        store.revocations.replace(.list, by: new.inForce.map { Self.entries($0.unverified) } ?? [])
        let begun = new
        state.withLock { $0 = begun }
        await revocations.enforce()
    }

    private func look(_ path: String, _ host: HostPolicy) async {
        do {
            let read = try await threads.runIfActive { [judged = state.withLock { $0.judged }] in
                try Self.read(path, unlessStill: judged)
            }
            switch read {
            case .missing:
                state.withLock { state in
                    state.isFileMissing = true
                    state.judged = nil
                }
            case .unchanged: break
            case .read(let status, let bytes):
                state.withLock { $0.isFileMissing = false }
                let problem = try await refusal(of: bytes, path, host)
                state.withLock { state in
                    state.judged = status
                    state.problem = problem
                }
            case .unreadable(let status, let reason):
                state.withLock { state in
                    state.isFileMissing = false
                    state.judged = status
                    state.problem = reason
                }
            }
        } catch {
            // The disk or the clock; the next look tries again.
            state.withLock { $0.problem = "\(error)" }
        }
    }

    private enum Reading: Sendable {
        case missing, unchanged
        case read(FileStatus, [UInt8])
        case unreadable(FileStatus, String)
    }

    private static func read(_ path: String, unlessStill judged: FileStatus?) throws(SystemError) -> Reading {
        guard let status = try Files.status(path) else { return .missing }
        guard status != judged else { return .unchanged }
        do throws(SystemError) {
            // One byte more for the line end that an editor puts there.
            var bytes = try Files.read(path, limit: RevocationList.longestBytes + 1, rules: .rootOnly)
            if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
            return .read(status, bytes)
        } catch let error where error.isNotFound {
            return .missing
        } catch {
            return .unreadable(status, "\(error)")
        }
    }

    /// Takes the list, or says what is wrong with it, which only another file can change. Throws what may be right at
    /// the next look.
    private func refusal(of bytes: [UInt8], _ path: String, _ host: HostPolicy) async throws -> String? {
        do {
            try await take(bytes, path, host)
            return nil
        } catch let error as TicketError {
            return "\(error)"
        } catch let error as ListRefusal where error.code != .notYetValid {
            return "\(error)"
        }
    }

    private func take(_ bytes: [UInt8], _ path: String, _ host: HostPolicy) async throws {
        let list = try await threads.runIfActive { try RevocationListParser.parse(bytes) }
        let claims = try RevocationListRules.verify(list, trust: host.trust)
        let last = state.withLock { $0.last }
        try RevocationListRules.checkOrder(list, after: last)
        // A clock that was set back must not make an expired list good again.
        let now = SystemClock.realtimeSeconds()
        let mark = try store.clockMark()
        let latest = max(now, mark)
        try RevocationListRules.checkTime(claims, now: latest, skew: host.configuration.skew)
        if claims.number != last?.unverified.number {
            try await store.takeList(
                text: bytes, number: claims.number, entries: Self.entries(claims), now: now,
                tolerance: host.configuration.skew)
        }
        let expiresBoot = expiry(claims, host, mark: mark)
        state.withLock { state in
            state.inForce = list
            state.expiresBoot = expiresBoot
            state.last = list
        }
        store.revocations.replace(.list, by: Self.entries(claims))
        let (ended, lapsed) = await revocations.enforce()
        revocations.evidence.note(
            .listTaken(
                path, number: claims.number, issuer: claims.issuer, key: claims.keyID, entries: claims.entries.count,
                ended: ended, lapsed: lapsed))
        logger.notice(
            "revocation list in force",
            metadata: [
                "path": "\(path)", "number": "\(claims.number)", "issuer": "\(claims.issuer)",
                "key": "\(claims.keyID)", "entries": "\(claims.entries.count)", "expires": "\(claims.expiresAt)",
                "sessions_ended": "\(ended)", "admissions_lapsed": "\(lapsed)",
            ])
    }

    /// When the list expires on the boot clock, nanoseconds, by the latest time that is known.
    private func expiry(_ list: RevocationList, _ host: HostPolicy, mark: Int64) -> Int64 {
        let latest = max(SystemClock.realtimeSeconds(), mark)
        // Both times are below 2^38 seconds; the difference in nanoseconds of one far ahead is cut.
        let left = min(list.expiresAt + host.configuration.skew - latest, RevocationList.longestLifetime * 2)
        return SystemClock.boottimeNanoseconds() + left * 1_000_000_000
    }

    private static func entries(_ list: RevocationList) -> [Revocation] {
        list.entries.map { entry in
            Revocation(
                entry, id: "", by: "list \(list.number) of \(list.issuer)", at: list.issuedAt, source: .list)
        }
    }

    /// Loudly when something is wrong, once an hour while it stays so.
    private func tell(_ path: String, now: Int64) {
        let standing = standing(now: now)
        let boot = SystemClock.boottimeNanoseconds()
        let (problem, before) = state.withLock { state in (state.problem, state.told) }
        let isNews = before.map { $0.standing != standing || $0.problem != problem } ?? true
        let isOld = before.map { boot - $0.at > Self.reminder } ?? false
        guard isNews || isOld else { return }
        state.withLock { $0.told = (standing, problem, boot) }
        let policy = policy.now.configuration.revocationMissing
        let effect =
            switch policy {
            case .refuse: "every ticket is refused"
            case .alarm where store.revocations.count(.list) > 0: "tickets are judged by what the last one revoked"
            case .alarm: "tickets are judged without it"
            }
        switch standing {
        case .notConfigured: break
        case .inForce:
            if let problem {
                logger.error(
                    "revocation list not taken: the one before stays in force",
                    metadata: ["path": "\(path)", "reason": "\(problem)"])
            } else if before.map({ $0.standing != .inForce || $0.problem != nil }) ?? false {
                logger.notice("revocation list is in order", metadata: ["path": "\(path)"])
            }
        case .missing(let reason), .expired(let reason):
            logger.critical(
                "no revocation list: \(effect)",
                metadata: ["path": "\(path)", "reason": "\(reason)", "revocation_missing": "\(policy.rawValue)"])
        }
    }
}
