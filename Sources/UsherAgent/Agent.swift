internal import Logging
internal import NIOCore
internal import NIOPosix
internal import ServiceLifecycle
internal import UnixSignals
internal import UsherConfig
internal import UsherEvidence
internal import UsherStore
internal import UsherSystem
internal import UsherTicket
internal import UsherWire

/// The session agent.
public enum Agent {
    /// Runs until SIGTERM or SIGINT; live sessions go on, and the next start adopts them.
    ///
    /// - Parameter configurationPath: of `usherd.toml`; `host-id`, `trust.d` and `roles.d` are beside it.
    /// - Throws: what keeps it from starting, with its stage.
    public static func run(configurationPath: String) async throws {
        guard CurrentProcess.effectiveUserID == 0 else {
            throw SystemError("start", refused: "usherd must run as root")
        }
        let files = try HostFiles(HostFilesReport(configurationPath: configurationPath))
        let level = Logger.Level(rawValue: files.configuration.logLevel.rawValue) ?? .info
        LoggingSystem.bootstrap { _ in
            var handler = StandardErrorLog()
            handler.logLevel = level
            return handler
        }
        let logger = Logger(label: "usherd")
        for warning in files.warnings { logger.warning("configuration", metadata: ["warning": "\(warning)"]) }
        let lock = try prepareHost()
        // Not one pool: teardowns that hang in the kernel hold up no login.
        // Three who may each hold one for seconds (the start of a scope by systemd, the look at every session's
        // activity, a revocation list of 1 MiB), and one for logins and for kills meanwhile.
        let threads = NIOThreadPool(numberOfThreads: 4)
        threads.start()
        let teardownThreads = NIOThreadPool(numberOfThreads: 4)
        teardownThreads.start()
        let runtime = try await Runtime(
            policy: try HostPolicy(files), configurationPath: configurationPath, threads: threads,
            teardownThreads: teardownThreads, logger: logger)
        await runtime.revocations.trustChanged(runtime.policy.now)
        try await runtime.reconcile()
        await runtime.residue.lookForProcesses()
        try await runtime.serve()
        try await threads.shutdownGracefully()
        try await teardownThreads.shutdownGracefully()
        withExtendedLifetime(lock) {}
    }

    /// Directories, the single-instance lock, and room for descriptors.
    private static func prepareHost() throws(SystemError) -> InstanceLock {
        try Files.makeDirectory("\(Paths.state)", mode: 0o700, uid: 0, gid: 0)
        try Files.makeDirectory("/run/usher", mode: 0o755, uid: 0, gid: 0)
        try ResourceLimits.raiseDescriptorLimit()
        guard let lock = try InstanceLock.acquire(directory: "\(Paths.state)") else {
            throw SystemError("lock \(Paths.state)", refused: "another usherd runs on this host")
        }
        return lock
    }
}

/// Everything that a running agent is made of.
struct Runtime: Sendable {
    let policy: CurrentPolicy
    let configurationPath: String
    let store: Store
    let registry: Registry
    let accounts: Accounts
    let sessions: SessionManager
    let evidence: EvidenceLog
    let evidenceParts: EvidenceParts
    let revocations: Revocations
    let lists: RevocationListKeeper
    let desk: AdmissionDesk
    let refusals: Refusals
    let bootID: String
    let startedAt: Int64
    /// Verifies the host's receipts.
    let publicKey: PublicKey
    let residue: ResidueKeeper
    private let audit: Audit
    private let plugin = PluginState()
    private let threads: NIOThreadPool
    /// One thread for each socket, so that a flood on one does not slow another.
    private let agentLoop = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let controlLoop = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let auditLoop = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let logger: Logger

    init(
        policy: HostPolicy, configurationPath: String, threads: NIOThreadPool, teardownThreads: NIOThreadPool,
        logger: Logger
    ) async throws {
        self.policy = CurrentPolicy(policy)
        self.configurationPath = configurationPath
        self.logger = logger
        bootID = try SystemClock.bootID()
        startedAt = SystemClock.realtimeSeconds()
        store = try Store(
            path: "\(Paths.state)/usher.sqlite", commits: EventLoopCommits(eventLoop: agentLoop.next()))
        registry = Registry()
        accounts = try Accounts(policy: self.policy)
        audit = try Audit()
        self.threads = threads
        let cgroups = try SessionCgroups()
        let executor = ThreadPoolTaskExecutor(teardownThreads)
        let sweeper = try Sweeper(executor: executor)
        let key = try Self.hostKey(logger)
        publicKey = key.publicKey
        evidence = try EvidenceLog(
            place: try .host(), hostID: policy.hostID, hostKey: key, settings: policy.configuration.evidence,
            logger: logger)
        evidence.note(.agentStarted("\(Version.current)", boot: bootID, files: policy.files))
        let receipts = Receipts(hostID: policy.hostID, key: key)
        let quarantine = Quarantine(
            residue: Dictionary(
                try store.openResidue().map { ($0.uid, $0.found) }, uniquingKeysWith: { first, _ in first }),
            unscanned: try store.unscannedUIDs())
        residue = ResidueKeeper(
            quarantine: quarantine, store: store, registry: registry, receipts: receipts,
            evidence: evidence, policy: self.policy, threads: teardownThreads, logger: logger)
        let teardown = Teardown(
            store: store, accounts: accounts, audit: audit, cgroups: cgroups, sweeper: sweeper, executor: executor,
            receipts: receipts, quarantine: quarantine, evidence: evidence, logger: logger)
        sessions = SessionManager(
            policy: self.policy, store: store, registry: registry, accounts: accounts, audit: audit, cgroups: cgroups,
            teardown: teardown, watcher: try ProcessWatcher(), evidence: evidence, threads: threads, logger: logger)
        evidenceParts = EvidenceParts(
            policy: self.policy, bootID: bootID, sessions: sessions, log: evidence,
            written: evidence.found.map(\.record), logger: logger)
        refusals = Refusals(store: store, evidence: evidence, logger: logger)
        revocations = Revocations(store: store, sessions: sessions, evidence: evidence, logger: logger)
        lists = RevocationListKeeper(
            policy: self.policy, store: store, revocations: revocations, threads: threads, logger: logger)
        desk = AdmissionDesk(
            policy: self.policy, store: store, registry: registry, sessions: sessions, audit: audit,
            quarantine: quarantine, lists: lists, evidence: evidence, bootID: bootID, logger: logger)
    }

    /// The key that signs receipts. A host that was enrolled before there were any gets one now.
    private static func hostKey(_ logger: Logger) throws(SystemError) -> PrivateKey {
        if let key = try HostKey.load() { return key }
        let key = try HostKey.make()
        logger.warning(
            "this host had no key to sign receipts with and got one now: give its public part to who verifies them",
            metadata: ["file": "\(HostKey.path)", "key": "\(key.publicKey.keyID)"])
        return key
    }

    /// Serves both sockets until the process is told to stop.
    func serve() async throws {
        let agentSocket = try UnixSocket.listen(
            "\(Paths.agentSocket)", mode: 0o600, uid: 0, gid: 0, backlog: 1024)
        let group = policy.now.configuration.controlGroup
        guard let controlGroup = try Groups.gid(named: group) else {
            throw SystemError("listen \(Paths.controlSocket)", refused: "this host has no group \(group)")
        }
        let controlSocket = try UnixSocket.listen(
            "\(Paths.controlSocket)", mode: 0o660, uid: 0, gid: controlGroup, backlog: 64)
        let agent = try await VarlinkServer(
            name: "agent", group: agentLoop, socket: agentSocket.release(),
            limits: ServerLimits(
                callBytes: Limits.agentCallBytes, connections: 1024, connectionsOfOneUser: 1024, silence: 10),
            service: AgentService(desk: desk, sessions: sessions, refusals: refusals), logger: logger)
        let control = try await VarlinkServer(
            name: "control", group: controlLoop, socket: controlSocket.release(),
            limits: ServerLimits(
                callBytes: Limits.controlCallBytes, connections: 64, connectionsOfOneUser: 16, silence: 10),
            service: try controlService(), logger: logger)
        let auditUser = try Users.lookup(AuditService.account)
        if auditUser == nil {
            logger.warning("this host has no user \(AuditService.account): audit events do not reach the agent")
        }
        let auditSocket = try UnixSocket.listen(
            "\(Paths.auditSocket)", mode: 0o600, uid: auditUser?.uid ?? 0, gid: 0, backlog: 8)
        let auditServer = try await VarlinkServer(
            name: "audit", group: auditLoop, socket: auditSocket.release(),
            limits: ServerLimits(
                callBytes: Limits.auditCallBytes, connections: 8, connectionsOfOneUser: 4, silence: 10),
            service: AuditService(
                uid: auditUser?.uid, intake: evidenceParts.intake, plugin: plugin,
                authorization: try Authorization(registry: registry, cgroups: sessions.cgroups),
                detection: evidenceParts.detection, logger: logger),
            logger: logger)
        try ServiceManager.notify("READY=1\nSTATUS=serving host \(policy.now.hostID)")
        logger.info(
            "serving",
            metadata: [
                "version": "\(Version.current)", "host": "\(policy.now.hostID)",
                "sessions": "\(registry.sessionCount)", "roles": "\(policy.now.roles.count)",
                "trust_entries": "\(policy.now.trust.count)",
            ])
        let deadlines = try DeadlineKeeper(
            registry: registry, bootID: bootID, hasSystemd: sessions.cgroups.hasSystemd, logger: logger)
        let services = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [
                    .init(service: Timekeeper(runtime: self)),
                    .init(service: LimitKeeper(sessions: sessions)),
                    .init(service: deadlines),
                    .init(service: Reloader(runtime: self)),
                    .init(service: ResidueWatch(keeper: residue)),
                    .init(service: agent), .init(service: control), .init(service: auditServer),
                    .init(
                        service: SightWatch(
                            audit: audit, plugin: plugin, lastLine: evidence.found.map(\.record.milliseconds).max(),
                            intake: evidenceParts.intake, threads: threads, logger: logger)),
                ],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        try await services.run()
        try ServiceManager.notify("STOPPING=1")
        // The sockets still answer: leaders close their sessions meanwhile.
        if HostState.isShuttingDown(logger) { await sessions.endAll(.hostShutdown) }
        deadlines.finish()
        try await agent.stop()
        try await control.stop()
        try await auditServer.stop()
        evidence.note(.agentStopped(sessions: registry.sessionCount))
        await evidence.close()
        try store.close()
        try await agentLoop.shutdownGracefully()
        try await controlLoop.shutdownGracefully()
        try await auditLoop.shutdownGracefully()
        logger.info("stopped", metadata: ["sessions": "\(registry.sessionCount)"])
    }

    private func controlService() throws(SystemError) -> ControlService {
        ControlService(
            authorization: try Authorization(registry: registry, cgroups: sessions.cgroups), sessions: sessions,
            desk: desk, revocations: revocations,
            host: ControlService.HostFacts(
                version: "\(Version.current)", startedAt: startedAt, key: publicKey.jwk()),
            reload: { try await reload() }, residue: residue, detection: evidenceParts.detection, logger: logger)
    }

    /// Reads the files again; a mistake in one keeps what stood before.
    @discardableResult
    func reload() async throws -> HostPolicy {
        do {
            let files = try HostFiles(HostFilesReport(configurationPath: configurationPath))
            for warning in files.warnings { logger.warning("configuration", metadata: ["warning": "\(warning)"]) }
            let new = try HostPolicy(files)
            guard new.hostID == policy.now.hostID else {
                throw SystemError("reload", refused: "the host id changed; restart usherd")
            }
            for (file, before, after) in policy.now.changes(to: new) {
                evidence.note(.reloaded(file, before: before, after: after))
            }
            policy.replace(by: new)
            evidenceParts.detection.replace(rules: new.detection)
            evidence.use(new.configuration.evidence)
            await revocations.trustChanged(new)
            try accounts.publishGroups()
            logger.notice(
                "configuration read again",
                metadata: ["roles": "\(new.roles.count)", "trust_entries": "\(new.trust.count)"])
            return new
        } catch {
            logger.error("configuration kept: the new one is wrong", metadata: ["reason": "\(error)"])
            throw error
        }
    }
}
