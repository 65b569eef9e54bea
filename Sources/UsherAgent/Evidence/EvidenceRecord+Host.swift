internal import UsherEvidence
internal import UsherStore
internal import UsherWire

/// What administrators and the agent itself did: OCSF Entity Management.
extension EvidenceRecord {
    static func revoked(
        _ revocation: Revocation, stoodBefore: Bool, ended: Int, lapsed: Int
    ) -> EvidenceRecord {
        managed(
            activity: 1, .medium, kind: "revoked", entity: "revocation",
            name: "\(revocation.kind.rawValue) \(revocation.value)",
            message:
                "Revoked \(revocation.kind.rawValue) \(revocation.value) by \(revocation.by): \(revocation.reason)",
            [
                "revocation": .text(revocation.id), "what": .text(revocation.kind.rawValue),
                "value": .text(revocation.value), "issuer": .text(revocation.issuer), "by": .text(revocation.by),
                "reason": .text(revocation.reason), "stood_before": .boolean(stoodBefore),
                "sessions_ended": .number(ended), "admissions_lapsed": .number(lapsed),
            ])
    }

    static func lifted(_ revocation: Revocation, by: String, reason: String) -> EvidenceRecord {
        managed(
            activity: 4, .medium, kind: "lifted", entity: "revocation", name: revocation.id,
            message: "Revocation \(revocation.id) lifted by \(by): \(reason)",
            [
                "revocation": .text(revocation.id), "what": .text(revocation.kind.rawValue),
                "value": .text(revocation.value), "by": .text(by), "reason": .text(reason),
            ])
    }

    /// A signed revocation list counts from now on.
    static func listTaken(
        _ path: String, number: Int64, issuer: String, key: String, entries: Int, ended: Int, lapsed: Int
    ) -> EvidenceRecord {
        managed(
            activity: 3, .informational, kind: "list_taken", entity: "revocation list", name: path,
            message: "Revocation list \(number) of \(issuer) in force: \(entries) entries",
            [
                "file": .text(path), "number": .integer(number), "issuer": .text(issuer), "key": .text(key),
                "entries": .number(entries), "sessions_ended": .number(ended), "admissions_lapsed": .number(lapsed),
            ])
    }

    /// What became of files that a session left.
    ///
    /// - Parameter event: found, adopted, removed or gone.
    static func residue(
        _ event: String, _ row: ResidueRow, count: Int64, by: String, reason: String?
    ) -> EvidenceRecord {
        managed(
            activity: event == "found" ? 1 : 3, event == "found" ? .medium : .informational, kind: "residue_\(event)",
            entity: "residue", name: "uid \(row.uid)", session: row.session,
            message: "Files of uid \(row.uid): \(event) (\(count)), by \(by)",
            [
                "event": .text(event), "uid": .number(row.uid), "account": .text(row.account),
                "count": .integer(count), "by": .text(by), "reason": .text(reason),
            ])
    }

    /// Processes that have a uid of the ephemeral range and no session: no login gets it.
    static func quarantined(uid: UInt32, processes: [Quarantine.ForeignProcess]) -> EvidenceRecord {
        managed(
            activity: 1, .high, kind: "quarantined", entity: "uid", name: "\(uid)",
            message: "Processes without a session have uid \(uid) of the ephemeral range",
            [
                "uid": .number(uid),
                "processes": .array(processes.prefix(10).map { .text("\($0.pid) \($0.command)") }),
            ])
    }

    /// A file of the configuration has other bytes than before; nil digests for one that is new or gone.
    static func reloaded(_ file: String, before: LineHash?, after: LineHash?) -> EvidenceRecord {
        managed(
            activity: before == nil ? 1 : after == nil ? 4 : 3, .medium, kind: "reloaded", entity: "file", name: file,
            message: "Configuration file \(file) \(before == nil ? "added" : after == nil ? "removed" : "changed")",
            [
                "file": .text(file), "before_sha256": before.map { .string($0.digits) },
                "after_sha256": after.map { .string($0.digits) },
            ])
    }

    /// - Parameter files: digests of the configuration that it starts with.
    static func agentStarted(
        _ version: String, boot: String, files: [(file: String, digest: LineHash)]
    ) -> EvidenceRecord {
        managed(
            activity: 99, .informational, kind: "agent_started", entity: "agent", name: "usherd",
            message: "Session agent \(version) started",
            [
                "version": .text(version), "boot": .text(boot),
                "configuration": .array(
                    files.prefix(1000).map { file, digest in
                        .object(JSONObject(["file": .text(file), "sha256": .string(digest.digits)]))
                    }),
            ])
    }

    static func agentStopped(sessions: Int) -> EvidenceRecord {
        managed(
            activity: 99, .informational, kind: "agent_stopped", entity: "agent", name: "usherd",
            message: "Session agent stopped; \(sessions) sessions go on", ["sessions": .number(sessions)])
    }

    private static func managed(
        activity: Int, _ severity: Severity, kind: String, entity: String, name: String, session: String? = nil,
        message: String, _ details: KeyValuePairs<StaticString, JSONValue?>
    ) -> EvidenceRecord {
        EvidenceRecord(
            milliseconds: now(), category: .entityManagement, activity: activity, severity: severity, message: message,
            session: session, attribution: .agent, kind: kind,
            attributes: JSONObject([
                "status_id": .integer(1),
                "entity": .object(JSONObject(["name": .text(name), "type": .text(entity)])),
            ]), details: JSONObject(details))
    }
}
