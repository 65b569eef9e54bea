internal import Logging
internal import UsherEvidence
internal import UsherStore
internal import UsherSystem

/// What a session has, when nothing of it runs any more.
extension Teardown {
    /// Names that a removal looks at before others have their turn on its thread.
    private static let namesAtOnce = 2000
    /// How often a removal that takes long says how far it is.
    private static let progress: Duration = .seconds(10)
    private static let untouched = "the account is the host's own: nothing of it is touched"

    func removeBelongings(of session: Session, _ cause: EndCause, _ record: inout TeardownRecord) async {
        let admission = session.admission
        var traces: Traces?
        await record.step(.interprocess) { step in
            guard admission.kind == .ephemeral else { return step.skipped = Self.untouched }
            let found = try await sweeper.traces(of: admission.uid)
            traces = found
            try await removeObjects(admission.uid, found, &step)
        }
        await record.step(.files) { step in
            guard admission.kind == .ephemeral else { return step.skipped = Self.untouched }
            try Belongings.remove(Belongings(admission).records, &step)
            // A look from before serves the first attempt only.
            let found = if let traces { traces } else { try await sweeper.traces(of: admission.uid) }
            traces = nil
            try await removeFiles(session, found, &step)
        }
        record.save()
        await record.step(.cgroup) { _ in try cgroups.remove(session) }
        await record.step(.home) { step in
            guard admission.kind == .ephemeral else { return step.skipped = Self.untouched }
            try accounts.removeHome(admission)
            step.removed = [Finding(kind: "home", what: Accounts.home(of: admission.account))]
        }
        await record.step(.account) { step in
            guard admission.kind == .ephemeral else { return step.skipped = Self.untouched }
            try accounts.withdraw(admission)
        }
        await record.step(.audit) { _ in
            try audit.write(.deleteUser, SessionTexts.accountEnd(session, cause: cause))
        }
    }

    func removeJobs(_ session: Session, _ step: inout TeardownStep) async throws {
        let admission = session.admission
        guard admission.kind == .ephemeral else { return step.skipped = Self.untouched }
        try Belongings.remove(Belongings(admission).jobs, &step)
        for spool in Belongings.jobSpools {
            guard try !sweeper.searches.owners(in: spool, among: [admission.uid]).isEmpty,
                let removal = try OwnedFileRemoval(of: admission.uid, in: spool)
            else { continue }
            try await finish(removal, session, &step)
        }
    }

    private func removeObjects(_ uid: UInt32, _ traces: Traces, _ step: inout TeardownStep) async throws {
        for object in traces.objects where try object.remove() {
            step.removed.append(Finding(kind: object.kind.rawValue, what: "System V id \(object.id)"))
        }
        if traces.hasMessageQueues, let removal = try sweeper.queueRemoval(of: uid) {
            _ = try removal.proceed(names: .max)
            step.removed += removal.removed.map(Finding.init)
            step.left += removal.left.map(Finding.init)
        }
        if traces.hasKeys {
            try Keyrings.discard(of: uid)
            step.removed.append(Finding(kind: "keyring", what: "user, user session and persistent keyring"))
        }
        for socket in traces.sockets {
            step.left.append(Finding(kind: "port", what: "\(socket.network) \(socket.port)"))
        }
    }

    private func removeFiles(_ session: Session, _ traces: Traces, _ step: inout TeardownStep) async throws {
        let uid = session.admission.uid
        for directory in traces.directories {
            if directory == Traces.runtimeDirectories {
                // logind mounts it; whatever keeps it busy is not of the session.
                let path = "\(directory.path)/\(uid)"
                while try Mounts.unmount(path, detach: true) {}
            }
            guard let removal = try OwnedFileRemoval(of: uid, in: directory) else { continue }
            try await finish(removal, session, &step)
        }
    }

    /// Takes turns with other sessions, so that one with a million files holds up nobody.
    private func finish(_ removal: OwnedFileRemoval, _ session: Session, _ step: inout TeardownStep) async throws {
        defer {
            step.removed += removal.removed.map(Finding.init)
            step.left += removal.left.map(Finding.init)
        }
        var told = ContinuousClock.now
        while try !removal.proceed(names: Self.namesAtOnce) {
            await Task.yield()
            let now = ContinuousClock.now
            guard now - told > Self.progress else { continue }
            told = now
            logger.notice(
                "removing files", metadata: ["session": "\(session.id)", "removed": "\(removal.removedCount)"])
        }
    }
}
