internal import UsherEvidence
internal import UsherStore
internal import UsherSystem
internal import UsherWire

/// What administrators and the SOC ask about residue. Passes take longer than a call may: each is begun, and asked
/// about by its number.
extension ControlService {
    /// Rows in an answer, and findings of each: together they stay below `Limits.controlReplyBytes`.
    private static let longestList = 500
    private static let toldInList = 5

    func listResidue(_ parameters: Parameters, _ peer: Peer) throws -> VarlinkReply {
        var parameters = parameters
        let all = try parameters.optionalBoolean("all") ?? false
        let one = try parameters.optionalInteger("uid")
        try parameters.finish()
        try require(.read, peer)
        let rows = all ? try residue.store.residue(limit: Self.longestList) : try residue.store.openResidue()
        let processes = residue.quarantine.processes.sorted { $0.key < $1.key }
        let told = one == nil ? Self.toldInList : ScanTally.told
        let values =
            try rows.filter { one == nil || Int64($0.uid) == one }.prefix(Self.longestList)
            .map { try Self.value($0, told) }
            + processes.filter { one == nil || Int64($0.key) == one }.prefix(Self.longestList)
            .map { Self.value($0, $1.prefix(told)) }
        return .ok(["residue": .array(values)])
    }

    func scanResidue(_ parameters: Parameters, _ peer: Peer) async throws -> VarlinkReply {
        var parameters = parameters
        let paths = try parameters.optionalStrings("paths") ?? []
        try parameters.finish()
        guard paths.count <= 64, paths.allSatisfy({ $0.hasPrefix("/") && $0.utf8.count < 4096 }) else {
            throw ParameterError(name: "paths")
        }
        try require(.change, peer)
        return .ok(["job": .number(try await begin(.scan(paths)))])
    }

    func adoptResidue(_ parameters: Parameters, _ peer: Peer) async throws -> VarlinkReply {
        var parameters = parameters
        let uid = try Self.uid(&parameters)
        let name = try parameters.string("owner")
        let reason = try parameters.reason()
        try parameters.finish()
        try require(.change, peer)
        guard let owner = try Users.lookup(name) else { throw NotFound(what: "account \(name)") }
        guard !EphemeralAccount.contains(uid: owner.uid) else { throw ParameterError(name: "owner") }
        let by = EndCause.administrator(reason: reason, uid: peer.uid, pid: peer.process.pid).by
        return .ok(["job": .number(try await begin(.adopt(uid, owner: owner, reason: reason, by: by)))])
    }

    func removeResidue(_ parameters: Parameters, _ peer: Peer) async throws -> VarlinkReply {
        var parameters = parameters
        let uid = try Self.uid(&parameters)
        let reason = try parameters.reason()
        try parameters.finish()
        try require(.change, peer)
        let by = EndCause.administrator(reason: reason, uid: peer.uid, pid: peer.process.pid).by
        return .ok(["job": .number(try await begin(.remove(uid, reason: reason, by: by)))])
    }

    func showResidueJob(_ parameters: Parameters, _ peer: Peer) async throws -> VarlinkReply {
        var parameters = parameters
        guard let number = try parameters.optionalInteger("job") else { throw ParameterError(name: "job") }
        try parameters.finish()
        try require(.read, peer)
        guard let job = await residue.job(number) else { throw NotFound(what: "residue job \(number)") }
        let progress = job.scan.progress
        return .ok([
            "state": .text(job.state.rawValue), "entries": .number(progress.entries), "place": .text(progress.place),
            "uids": .number(job.uids), "found": .number(job.found), "handled": .number(job.handled),
            "complete": .boolean(job.isComplete), "problems": .array(job.problems.map { .text($0) }),
        ])
    }

    private func begin(_ order: ResidueOrder) async throws -> Int64 {
        do {
            return try await residue.begin(order)
        } catch let unknown as ResidueKeeper.UnknownResidue {
            throw NotFound(what: "residue of uid \(unknown.uid)")
        }
    }

    private static func uid(_ parameters: inout Parameters) throws(ParameterError) -> UInt32 {
        guard let number = try parameters.optionalInteger("uid"), let uid = UInt32(exactly: number),
            EphemeralAccount.contains(uid: uid)
        else { throw ParameterError(name: "uid") }
        return uid
    }

    private static func value(_ row: ResidueRow, _ told: Int) throws -> JSONValue {
        let settlement = row.settlement
        return .object(
            JSONObject([
                "uid": .number(row.uid), "cause": .text("files"), "session": .text(row.session),
                "account": .text(row.account), "found": .number(row.found),
                "findings": .array(try TeardownStep.findings(row.findings).prefix(told).map { value($0) }),
                "foundAt": .number(row.foundAt), "seenAt": .number(row.seenAt),
                "settled": .text(settlement?.how), "settledAt": .number(settlement?.at),
                "settledBy": .text(settlement?.by), "settledReason": .text(settlement?.reason),
            ]))
    }

    private static func value(_ uid: UInt32, _ processes: ArraySlice<Quarantine.ForeignProcess>) -> JSONValue {
        let findings = processes.map { process in
            value(Finding(kind: "process", what: "\(process.pid) \(process.command)"))
        }
        return .object(
            JSONObject([
                "uid": .number(uid), "cause": .text("processes"), "found": .number(processes.count),
                "findings": .array(findings),
            ]))
    }

    private static func value(_ finding: Finding) -> JSONValue {
        .object(
            JSONObject(["kind": .text(finding.kind), "what": .text(finding.what), "count": .number(finding.count)]))
    }
}
