public import UsherWire

/// The methods of `io.usher.Control`, one connection a call. Blocks until the answer, the deadline or
/// the loss of the connection.
public struct ControlClient: Sendable {
    /// Seconds for one call, from connecting to the last byte of the answer.
    public static let deadline = 10
    /// Seconds for `EndSession` with `wait`, which the agent answers after at most 30.
    public static let waitDeadline = 35

    /// The agent's control socket.
    public let socket: String
    private let seconds: Int?

    /// - Parameter seconds: deadline of every call, for those who cannot wait as long as the defaults.
    public init(socket: String = "\(Paths.controlSocket)", seconds: Int? = nil) {
        self.socket = socket
        self.seconds = seconds
    }

    /// Live sessions, oldest first; with `all`, closed ones too, at most `limit` of them.
    public func sessions(all: Bool = false, limit: Int? = nil) throws(ControlError) -> [ControlSession] {
        var parameters = JSONObject()
        if all { parameters.append("all", .boolean(true)) }
        if let limit { parameters.append("limit", .integer(Int64(limit))) }
        var fields = AnswerFields(try call("ListSessions", parameters))
        let objects = try fields.objects("sessions")
        try fields.end()
        var sessions: [ControlSession] = []
        for object in objects { sessions.append(try ControlSession(object)) }
        return sessions
    }

    public func session(id: String) throws(ControlError) -> ControlSession {
        try session(in: call("ShowSession", JSONObject(["id": id])))
    }

    /// Ends a session. Without `wait` the answer comes when the end is decided and durable, with it when
    /// the session is closed, or after 30 seconds in whatever state it then is.
    public func endSession(id: String, reason: String, wait: Bool) throws(ControlError) -> ControlSession {
        var parameters = JSONObject(["id": id, "reason": reason])
        if wait { parameters.append("wait", .boolean(true)) }
        return try session(in: call("EndSession", parameters, deadline: wait ? Self.waitDeadline : Self.deadline))
    }

    /// The signed records of a closed session: its receipt, then supplements.
    public func receipt(id: String) throws(ControlError) -> [String] {
        var fields = AnswerFields(try call("GetReceipt", JSONObject(["id": id])))
        let records = try fields.strings("records")
        try fields.end()
        return records
    }

    /// What keeps uids in quarantine; with `all`, also what did.
    public func residue(all: Bool = false, uid: UInt32? = nil) throws(ControlError) -> [ControlResidue] {
        var parameters = JSONObject()
        if all { parameters.append("all", .boolean(true)) }
        if let uid { parameters.append("uid", .integer(Int64(uid))) }
        var fields = AnswerFields(try call("ListResidue", parameters))
        let objects = try fields.objects("residue")
        try fields.end()
        var residue: [ControlResidue] = []
        for object in objects { residue.append(try ControlResidue(object)) }
        return residue
    }

    /// Begins a search for files of ended sessions; returns the job's number.
    public func scanResidue(paths: [String]) throws(ControlError) -> Int64 {
        var parameters = JSONObject()
        if !paths.isEmpty { parameters.append("paths", .array(paths.map { .string(Array($0.utf8)) })) }
        return try job(in: call("ScanResidue", parameters))
    }

    /// Begins to give all files of a uid to an account; returns the job's number.
    public func adoptResidue(uid: UInt32, owner: String, reason: String) throws(ControlError) -> Int64 {
        var parameters = JSONObject(["owner": owner, "reason": reason])
        parameters.append("uid", .integer(Int64(uid)))
        return try job(in: call("AdoptResidue", parameters))
    }

    /// Begins to remove all files of a uid; returns the job's number.
    public func removeResidue(uid: UInt32, reason: String) throws(ControlError) -> Int64 {
        var parameters = JSONObject(["reason": reason])
        parameters.append("uid", .integer(Int64(uid)))
        return try job(in: call("RemoveResidue", parameters))
    }

    public func residueJob(_ number: Int64) throws(ControlError) -> ControlResidueJob {
        var parameters = JSONObject()
        parameters.append("job", .integer(number))
        return try ControlResidueJob(call("ShowResidueJob", parameters))
    }

    private func job(in parameters: JSONObject) throws(ControlError) -> Int64 {
        var fields = AnswerFields(parameters)
        let job = try fields.integer("job")
        try fields.end()
        return job
    }

    /// Moves the end of a session, at most to the longest that role and host give it. The answer comes when that is
    /// durable.
    public func extendSession(id: String, seconds: Int64, reason: String) throws(ControlError) -> ControlSession {
        var parameters = JSONObject(["id": id, "reason": reason])
        parameters.append("seconds", .integer(seconds))
        return try session(in: call("ExtendSession", parameters))
    }

    public func explain(reference: String) throws(ControlError) -> ControlRefusal {
        try ControlRefusal(call("ExplainRefusal", JSONObject(["reference": reference])))
    }

    /// Would this host admit the ticket? Burns nothing.
    ///
    /// - Parameters:
    ///   - account, service, remoteHost: of the login to imagine; the ticket's own when left out.
    public func inspect(
        ticket: [UInt8], account: String? = nil, service: String? = nil, remoteHost: String? = nil
    ) throws(ControlError) -> ControlVerdict {
        var parameters = JSONObject()
        parameters.append("ticket", .string(ticket))
        if let account { parameters.append("account", .string(Array(account.utf8))) }
        if let service { parameters.append("service", .string(Array(service.utf8))) }
        if let remoteHost { parameters.append("remoteHost", .string(Array(remoteHost.utf8))) }
        return try ControlVerdict(call("InspectTicket", parameters))
    }

    public func roles() throws(ControlError) -> [ControlRole] {
        var fields = AnswerFields(try call("ListRoles"))
        let objects = try fields.objects("roles")
        try fields.end()
        var roles: [ControlRole] = []
        for object in objects { roles.append(try ControlRole(object)) }
        return roles
    }

    /// Makes the agent read trust entries and roles again.
    public func reload() throws(ControlError) -> ControlReload {
        try ControlReload(call("Reload"))
    }

    /// Refuses new logins and ends what runs, at once.
    ///
    /// - Parameters:
    ///   - kind: `ticket`, `subject`, `account`, `role`, `key` or `all`, which alone has no value.
    ///   - issuer: of a ticket; nil to have the agent find it.
    public func revoke(
        kind: String, value: String?, issuer: String?, reason: String
    ) throws(ControlError) -> ControlRevocationOutcome {
        var parameters = JSONObject(["kind": kind, "reason": reason])
        if let value { parameters.append("value", .string(Array(value.utf8))) }
        if let issuer { parameters.append("issuer", .string(Array(issuer.utf8))) }
        return try ControlRevocationOutcome(call("Revoke", parameters, deadline: Self.waitDeadline))
    }

    /// What is revoked; with `all`, also what was and is lifted.
    public func revocations(all: Bool = false, limit: Int? = nil) throws(ControlError) -> ControlRevocations {
        var parameters = JSONObject()
        if all { parameters.append("all", .boolean(true)) }
        if let limit { parameters.append("limit", .integer(Int64(limit))) }
        return try ControlRevocations(call("ListRevocations", parameters))
    }

    public func liftRevocation(id: String, reason: String) throws(ControlError) -> ControlRevocation {
        var fields = AnswerFields(try call("LiftRevocation", JSONObject(["id": id, "reason": reason])))
        let object = try fields.object("revocation")
        try fields.end()
        return try ControlRevocation(object)
    }

    public func host() throws(ControlError) -> ControlHost {
        try ControlHost(call("GetHost"))
    }

    private func session(in parameters: JSONObject) throws(ControlError) -> ControlSession {
        var fields = AnswerFields(parameters)
        let object = try fields.object("session")
        try fields.end()
        return try ControlSession(object)
    }

    private func call(
        _ method: String, _ parameters: JSONObject = JSONObject(), deadline: Int = Self.deadline
    ) throws(ControlError) -> JSONObject {
        let call = VarlinkCall(method: Array("io.usher.Control.\(method)".utf8), parameters: parameters)
        var frame = call.frame()
        guard frame.count <= Limits.controlCallBytes else {
            throw .failed(stage: "request", reason: "it is longer than \(Limits.controlCallBytes) bytes")
        }
        let answer = try ControlTransport(socket: socket, seconds: seconds ?? deadline).exchange(&frame)
        guard let reply = VarlinkReply.parse(answer.span) else {
            throw .malformed(reason: "it is not a Varlink answer")
        }
        guard let error = reply.error else { return reply.parameters }
        throw Self.controlError(name: error, parameters: reply.parameters)
    }

    /// What an error answer means; an error that cannot be read is itself a malformed answer.
    private static func controlError(name: [UInt8], parameters: JSONObject) -> ControlError {
        var fields = AnswerFields(parameters)
        do throws(ControlError) {
            switch String(decoding: name, as: UTF8.self) {
            case "io.usher.Control.NotFound": return .notFound(what: try fields.string("what"))
            case "io.usher.Control.NotPermitted": return .notPermitted(what: try fields.string("what"))
            case "io.usher.Control.Failed":
                return .failed(stage: try fields.string("stage"), reason: try fields.string("reason"))
            case "org.varlink.service.InvalidParameter":
                return .invalid(parameter: try fields.string("parameter"))
            case let other: return .unsupported(error: other)
            }
        } catch {
            return error
        }
    }
}

extension JSONObject {
    /// String members.
    fileprivate init(_ strings: KeyValuePairs<StaticString, String>) {
        self.init()
        for (name, value) in strings { append(name, .string(Array(value.utf8))) }
    }

    fileprivate mutating func append(_ name: StaticString, _ value: JSONValue) {
        members.append(Member(name: [UInt8](name), value: value))
    }
}
