internal import Logging
internal import NIOPosix
internal import UsherConfig
internal import UsherEvidence
internal import UsherPolicy
internal import UsherStore
internal import UsherSystem
internal import UsherWire

/// Looks for what sessions left behind: files of their uids anywhere on the host, and processes that have such a uid
/// without a session. Keeps the uid in quarantine until nothing is left.
actor ResidueKeeper {
    /// Entries a second of a pass that nobody waits for.
    private static let backgroundPace = 20_000
    /// Jobs that can still be asked about.
    private static let remembered: Int64 = 16

    let quarantine: Quarantine
    let store: Store
    private let registry: Registry
    private let receipts: Receipts
    private let evidence: any EvidenceSink
    private let policy: CurrentPolicy
    private let threads: NIOThreadPool
    /// One thread: passes follow each other, and its low priority is nobody else's.
    private let walker: NIOThreadPool
    private let logger: Logger

    private let range = EphemeralAccount.firstUID...EphemeralAccount.lastUID
    private var jobs: [Int64: ResidueJob] = [:]
    private var lastJob: Int64 = 0
    private var background: OwnershipScan?
    private var isOrdered = false
    private var work: [Task<Void, Never>] = []
    /// Boot clock, nanoseconds.
    private var lastPass = SystemClock.boottimeNanoseconds()

    init(
        quarantine: Quarantine, store: Store, registry: Registry, receipts: Receipts,
        evidence: any EvidenceSink, policy: CurrentPolicy, threads: NIOThreadPool, logger: Logger
    ) {
        self.quarantine = quarantine
        self.store = store
        self.registry = registry
        self.receipts = receipts
        self.evidence = evidence
        self.policy = policy
        self.threads = threads
        self.logger = logger
        walker = NIOThreadPool(numberOfThreads: 1)
        walker.start()
    }

    // MARK: Processes

    /// One pass over all processes: a uid that one of them has without a session is not given.
    func lookForProcesses() async {
        let before = registry.heldUIDs
        let range = range
        do {
            let found = try await threads.runIfActive { try ProcessScan.holders(of: range) }
            var foreign: [UInt32: [Quarantine.ForeignProcess]] = [:]
            // A session that began or ended during the pass has nothing foreign.
            for (uid, pids) in found where !before.contains(uid) && !registry.holds(uid: uid) {
                foreign[uid] = pids.map { Quarantine.ForeignProcess(pid: $0, command: Self.command($0)) }
            }
            for (uid, processes) in quarantine.setProcesses(foreign) {
                evidence.note(.quarantined(uid: uid, processes: processes))
                logger.warning(
                    "processes without a session have a uid of the ephemeral range; no login gets it",
                    metadata: [
                        "uid": "\(uid)",
                        "processes":
                            "\(processes.prefix(10).map { "\($0.pid) (\($0.command))" }.joined(separator: ", "))",
                    ])
            }
        } catch {
            logger.error("processes not looked through", metadata: ["reason": "\(error)"])
        }
    }

    private static func command(_ pid: Int32) -> String {
        guard let stat = try? Processes.stat(pid) else { return "ended" }
        // A refusal's reason is one line of printable ASCII.
        let bytes = stat.command.map { $0 > 0x20 && $0 < 0x7F ? $0 : UInt8(ascii: "?") }
        return String(decoding: bytes, as: UTF8.self)
    }

    // MARK: Files

    /// Begins a slow pass when sessions have ended since the last one and the interval is over.
    func scanWhenDue() {
        let interval = policy.now.configuration.residueScanInterval
        let now = SystemClock.boottimeNanoseconds()
        guard interval > 0, background == nil, !isOrdered, !quarantine.unscanned.isEmpty,
            now - lastPass >= interval * 1_000_000_000
        else { return }
        lastPass = now
        do {
            let scan = try makeScan(.background)
            background = scan
            start {
                await self.perform(.background, job: nil, scan)
                await self.endBackground()
            }
        } catch {
            logger.error("files of ended sessions not looked for", metadata: ["reason": "\(error)"])
        }
    }

    /// Begins what an administrator asks for; a slow pass gives way. Returns the number to ask by.
    func begin(_ order: ResidueOrder) throws -> Int64 {
        guard !isOrdered else {
            throw SystemError("scan", refused: "another scan is at work: wait until it is through")
        }
        if let target = order.target {
            guard try store.openResidue().contains(where: { $0.uid == target }) else {
                throw UnknownResidue(uid: target)
            }
            guard !registry.holds(uid: target) else {
                throw SystemError("uid \(target)", refused: "a session has it now")
            }
        }
        let scan = try makeScan(order)
        background?.cancel()
        isOrdered = true
        lastJob += 1
        let number = lastJob
        jobs[number] = ResidueJob(number: number, scan: scan)
        jobs[number - Self.remembered] = nil
        start {
            await self.perform(order, job: number, scan)
            await self.endOrder()
        }
        return number
    }

    private func start(_ body: @escaping @Sendable () async -> Void) {
        // One of each kind at most: what came before is through, or is about to be.
        work = work.suffix(1) + [Task { await body() }]
    }

    private func endBackground() { background = nil }
    private func endOrder() { isOrdered = false }

    /// No residue of the uid is known.
    struct UnknownResidue: Error {
        var uid: UInt32
    }

    func job(_ number: Int64) -> ResidueJob? { jobs[number] }

    /// Makes a pass that is at work end soon, as the agent stops.
    func stop() async {
        background?.cancel()
        for job in jobs.values where job.state == .running { job.scan.cancel() }
        // They write what they found, and the database is still open.
        for task in work { await task.value }
        do {
            try await walker.shutdownGracefully()
        } catch {
            logger.error("the thread of scans did not end", metadata: ["reason": "\(error)"])
        }
    }

    private func makeScan(_ order: ResidueOrder) throws(SystemError) -> OwnershipScan {
        var places: [Mounts.LocalPlace] = []
        if case .scan(let paths) = order, !paths.isEmpty {
            for path in paths { places.append(try OwnershipScan.place(path)) }
        } else {
            places = try Mounts.localPlaces(notBelow: [Accounts.homes])
        }
        var pace: Int?
        if case .background = order { pace = Self.backgroundPace }
        return OwnershipScan(
            places: places, range: range, excluding: [Accounts.homes], entriesPerSecond: pace)
    }

    private func perform(_ order: ResidueOrder, job: Int64?, _ scan: OwnershipScan) async {
        let unscanned = quarantine.unscanned
        let (range, registry) = (range, registry)
        do {
            let pass = try await walker.runIfActive { () -> Pass in
                // Refused (without CAP_SYS_NICE) it is a pass at the agent's own priority.
                try? OwnershipScan.becomeIdle()
                let findings = ResidueFindings(range: range, order: order) { registry.holds(uid: $0) }
                let outcome = scan.run(findings.judge, findings.done)
                return Pass(outcome: outcome, found: findings.byUID, handled: findings.handled)
            }
            try await conclude(order, pass, unscanned)
            update(job) { job in
                job.state = .done
                job.uids = pass.found.count
                job.found = pass.found.values.reduce(0) { $0 + $1.count }
                job.handled = pass.handled.count
                job.isComplete = pass.outcome.isComplete
                job.problems = pass.outcome.problems
            }
            logger.info(
                "looked for files of ended sessions",
                metadata: [
                    "entries": "\(pass.outcome.entries)", "complete": "\(pass.outcome.isComplete)",
                    "uids": "\(pass.found.count)",
                ])
        } catch {
            logger.error("what a scan found is not kept", metadata: ["reason": "\(error)"])
            update(job) { job in
                job.state = .failed
                job.problems = ["\(error)"]
            }
        }
    }

    private func update(_ number: Int64?, _ change: (inout ResidueJob) -> Void) {
        guard let number, var job = jobs[number] else { return }
        change(&job)
        jobs[number] = job
    }

    /// What a pass saw and did.
    private struct Pass: Sendable {
        var outcome: OwnershipScan.Outcome
        var found: [UInt32: ScanTally]
        var handled: ScanTally
    }

    private func conclude(_ order: ResidueOrder, _ pass: Pass, _ unscanned: Set<UInt32>) async throws {
        let known = Dictionary(try store.openResidue().map { ($0.uid, $0) }, uniquingKeysWith: { first, _ in first })
        for (uid, tally) in pass.found { try await keep(uid, tally, known[uid], isWhole: order.isWhole) }
        guard order.isWhole, pass.outcome.isComplete else { return }
        for row in known.values where pass.found[row.uid] == nil { try await settle(row, order, pass.handled) }
        try await store.forgetUnscanned(unscanned)
        quarantine.scanned(unscanned)
    }

    /// Found: the uid is not given from now on, and its session gets a supplement when there is news.
    private func keep(_ uid: UInt32, _ tally: ScanTally, _ known: ResidueRow?, isWhole: Bool) async throws {
        quarantine.setResidue(Int64(tally.count), of: uid)
        let now = SystemClock.realtimeSeconds()
        let session = try store.lastSession(uid: uid)
        var row =
            known
            ?? ResidueRow(
                uid: uid, session: session?.id, account: session?.admission.account, found: 0, findings: "[]",
                foundAt: now, seenAt: now)
        // A part of the host does not show what has gone from the rest.
        let isNews = isWhole ? row.found != Int64(tally.count) : row.found < Int64(tally.count)
        row.seenAt = now
        guard isNews else { return try await store.save(row, supplement: nil) }
        row.found = Int64(tally.count)
        row.findings = TeardownStepRow.text(tally.findings)
        let supplement = try supplement(row, .found, tally.list, remaining: tally.count, by: "agent", reason: nil, now)
        try await store.save(row, supplement: supplement)
        evidence.note(.residue("found", row, count: row.found, by: "agent", reason: nil))
        logger.warning(
            "files of an ended session are left; no login gets its uid",
            metadata: [
                "uid": "\(uid)", "count": "\(tally.count)", "session": "\(row.session ?? "unknown")",
                "account": "\(row.account ?? "unknown")", "first": "\(tally.findings.first?.what ?? "")",
            ])
    }

    /// A pass over everything found nothing of the uid any more.
    private func settle(_ known: ResidueRow, _ order: ResidueOrder, _ handled: ScanTally) async throws {
        var row = known
        let now = SystemClock.realtimeSeconds()
        var event = ReceiptSupplement.Event.gone
        var (by, reason, list) = ("agent", nil as String?, FindingList())
        switch order {
        case .adopt(let uid, let owner, let text, let who) where uid == row.uid:
            (event, by, reason, list) = (.adopted, who, "to \(owner.name): \(text)", handled.list)
        case .remove(let uid, let text, let who) where uid == row.uid:
            (event, by, reason, list) = (.removed, who, text, handled.list)
        default: break
        }
        row.seenAt = now
        row.settlement = ResidueRow.Settlement(how: event.rawValue, at: now, by: by, reason: reason)
        let supplement = try supplement(row, event, list, remaining: 0, by: by, reason: reason, now)
        try await store.save(row, supplement: supplement)
        quarantine.setResidue(0, of: row.uid)
        evidence.note(.residue(event.rawValue, row, count: row.found, by: by, reason: reason))
        logger.notice(
            "nothing of an ended session is left any more",
            metadata: [
                "uid": "\(row.uid)", "how": "\(event.rawValue)", "by": "\(by)", "reason": "\(reason ?? "")",
                "session": "\(row.session ?? "unknown")",
            ])
    }

    private func supplement(
        _ row: ResidueRow, _ event: ReceiptSupplement.Event, _ list: FindingList, remaining: Int, by: String,
        reason: String?, _ now: Int64
    ) throws -> ReceiptRow? {
        guard let session = row.session else { return nil }
        return try receipts.supplement(
            to: try store.receipts(session: session), uid: row.uid, event, list, remaining: remaining, by: by,
            reason: reason, at: now)
    }
}
