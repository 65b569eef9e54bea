internal import UsherEvidence
internal import UsherStore
internal import UsherWire

/// An event of the kernel's audit, attributed, as a record of the evidence log. A pure function: classes and activities
/// are those of OCSF 1.3.0.
struct EvidenceMapper: Sendable {
    let bootID: String
    var mask: SecretMask

    /// Words under our key that say what a record is.
    enum Kind: String, Sendable {
        case exec, privilege, loginuid, login, authentication, account, tag, file, connect, listen, accept, signal
        case auditConfiguration = "audit-config"
        case systemCall = "system-call"
        case anomaly, gap, detection, control
    }

    /// What an event is, before anything of it is written down.
    struct Subject {
        var kind: Kind
        var category: EvidenceRecord.Class
        var activity: Int
        var severity: EvidenceRecord.Severity = .informational
        /// For the message: "ran", "connected to".
        var verb: String
    }

    /// The record of an event; nil for one that is no session's and of no concern to the host's own recording.
    func record(_ event: AuditEvent, _ attribution: Attribution) -> EvidenceRecord? {
        let subject = Self.subject(of: event)
        switch attribution {
        case .none:
            guard subject.kind == .auditConfiguration else { return nil }
            return record(event, subject, nil, .kernel, why: nil)
        case .unknown(let why): return record(event, subject, nil, .unknown, why: why)
        case .session(let session, let how, let why): return record(event, subject, session, how, why: why)
        }
    }

    private func record(
        _ event: AuditEvent, _ subject: Subject, _ session: KnownSession?, _ how: EvidenceRecord.Attribution,
        why: String?
    ) -> EvidenceRecord {
        let (command, masked) = command(of: event)
        let succeeded = event.succeeded
        var attributes = Self.attributes(event, subject, session, command)
        if let succeeded {
            attributes.append("status_id", .integer(succeeded ? 1 : 2))
            if !succeeded, let exit = event.systemCall?.exit {
                attributes.append("status_code", .text("\(exit.magnitude)"))
            }
        }
        return EvidenceRecord(
            milliseconds: event.stamp.milliseconds, category: subject.category, activity: subject.activity,
            severity: subject.severity, message: Self.message(event, subject, session, command, succeeded),
            session: session?.id, attribution: how, kind: subject.kind.rawValue, attributes: attributes,
            details: details(event, session, command, masked: masked, why: why))
    }

    /// The arguments as they may be kept.
    private func command(of event: AuditEvent) -> ([[UInt8]]?, Int) {
        if let command = event.command { return mask.masked(command.arguments) }
        if event.type == "USER_CMD", let text = event.field("cmd") {
            let (text, count) = mask.masked(commandLine: text)
            return ([text], count)
        }
        return (nil, 0)
    }

    // MARK: Our own fields

    private func details(
        _ event: AuditEvent, _ session: KnownSession?, _ command: [[UInt8]]?, masked: Int, why: String?
    ) -> JSONObject {
        let process = event.process
        var details = JSONObject([
            "event": .text("\(event.stamp)"), "boot": .text(bootID), "record": .text(event.type),
            "subject": .text(session?.ticket.subject), "actor": .text(session?.ticket.actor),
            "owner": .text(session?.ticket.owner), "role": .text(session?.ticket.role),
            "approval": .text(session?.ticket.approval), "change": .text(session?.ticket.change),
            "ticket": .text(session?.ticket.ticketID), "account": .text(session?.account),
            "why": .text(why), "auid": .number(process?.auid.map { Int64($0) }),
            "ses": .number(process?.ses.map { Int64($0) }), "uid": .number(process?.uid.map { Int64($0) }),
            "euid": .number(process?.effectiveUID.map { Int64($0) }),
            "suid": .number(process?.savedUID.map { Int64($0) }),
            "terminal": process?.terminal.map { Self.value($0) },
            "cwd": event.workingDirectory.map { Self.value($0) },
            "call": .text(event.systemCall?.name), "exit": .number(event.systemCall?.exit),
        ])
        if !event.keys.isEmpty { details.append("keys", .array(event.keys.map { .text($0) })) }
        if let command { details.append("arguments", .array(command.map { Self.value($0) })) }
        if event.command?.isCut == true { details.append("cut", .boolean(true)) }
        if masked > 0 { details.append("masked", .number(masked)) }
        if let session, let process, process.pid == session.leader || process.parent == session.leader {
            // sshd's monitor and what it starts for PAM act with root's rights in the session's name.
            details.append("leader", .boolean(true))
        }
        if event.paths.count > 1 { details.append("paths", .array(event.paths.prefix(8).map { Self.value($0.name) })) }
        let owner = event.paths.last { $0.kind != "PARENT" }?.ownerUID
        if let owner { details.append("file_owner", .number(owner)) }
        // Fields of other records than SYSCALL; `cmd` stands masked among the arguments.
        for field in event.fields.prefix(24) where field.name != "cmd" && field.name != "data" {
            details.append("field_\(field.name)", Self.value(field.value))
        }
        return details
    }

    // MARK: Attributes of the class

    /// Characters of `cmd_line`; `arguments` has the whole. Bounded, so that a line that has to be shortened for its
    /// arguments still says what ran.
    private static let longestCommandLine = 4096

    private static func attributes(
        _ event: AuditEvent, _ subject: Subject, _ session: KnownSession?, _ command: [[UInt8]]?
    ) -> JSONObject {
        var attributes = JSONObject()
        let process = event.process.map { Self.process($0, command, event) }
        attributes.append("actor", .object(actor(event, session, subject.category == .processActivity ? nil : process)))
        switch subject.category {
        case .processActivity:
            if let process { attributes.append("process", .object(process)) }
        case .fileSystemActivity:
            if let path = event.concernedPath {
                attributes.append("file", .object(file(path)))
            }
        case .networkActivity:
            if let endpoint = event.address.map(Self.endpoint) {
                let name = subject.kind == .connect ? "dst_endpoint" : "src_endpoint"
                attributes.append(name, .object(endpoint))
            }
        case .accountChange, .authentication:
            let name = event.field("acct") ?? event.field("grp")
            attributes.append(
                "user",
                .object(JSONObject(["name": name.map { .text(Self.printable($0)) }, "uid": .text(event.text("id"))])))
            if let address = event.text("addr"), address != "?" {
                attributes.append("src_endpoint", .object(JSONObject(["ip": .text(address)])))
            }
        case .entityManagement:
            attributes.append(
                "entity", .object(JSONObject(["name": .text("audit"), "type": .text("Linux audit configuration")])))
        case .base, .authorizeSession, .detectionFinding: break
        }
        return attributes
    }

    private static func actor(_ event: AuditEvent, _ session: KnownSession?, _ process: JSONObject?) -> JSONObject {
        var user = JSONObject(["name": .text(session?.account)])
        if let auid = event.process?.auid { user.append("uid", .text("\(auid)")) }
        return JSONObject([
            "user": user.members.isEmpty ? nil : .object(user), "process": process.map { .object($0) },
            "session": session.map { .object(JSONObject(["uid": .text($0.id)])) },
        ])
    }

    private static func process(
        _ process: AuditEvent.Process, _ command: [[UInt8]]?, _ event: AuditEvent
    ) -> JSONObject {
        var user = JSONObject()
        if let uid = process.uid { user.append("uid", .text("\(uid)")) }
        let line = command.map { String($0.map(printable).joined(separator: " ").prefix(longestCommandLine)) }
        return JSONObject([
            "pid": .number(process.pid), "name": .text(printable(process.name)), "cmd_line": .text(line),
            "file": event.executedPath.map { .object(file($0)) },
            "user": user.members.isEmpty ? nil : .object(user),
            "euid": .number(process.effectiveUID.map { Int64($0) }),
            "auid": .number(process.auid.map { Int64($0) }),
            "parent_process": process.parent.map { .object(JSONObject(["pid": .number($0)])) },
        ])
    }

    private static func file(_ path: [UInt8]) -> JSONObject {
        let text = printable(path)
        return JSONObject([
            "path": .text(text), "name": .text(text.split(separator: "/").last.map { String($0) } ?? text),
            // Unknown: the class wants it named, and a record does not say it.
            "type_id": .integer(0),
        ])
    }

    private static func endpoint(_ address: AuditEvent.Address) -> JSONObject {
        switch address {
        case .internet(let address, let port): JSONObject(["ip": .text(address), "port": .number(Int64(port))])
        case .local(let path):
            JSONObject(["name": .text(printable(path.first == 0 ? [UInt8(ascii: "@")] + path.dropFirst() : path))])
        case .other(let family): JSONObject(["name": .text("address family \(family)")])
        }
    }

    // MARK: Text

    private static func message(
        _ event: AuditEvent, _ subject: Subject, _ session: KnownSession?, _ command: [[UInt8]]?, _ succeeded: Bool?
    ) -> String {
        let who = session?.account ?? event.process?.auid.map { "auid \($0)" } ?? "somebody"
        var what: String
        if let command {
            what = command.map(printable).joined(separator: " ")
        } else if let address = event.address {
            switch address {
            case .internet(let address, let port):
                what = address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
            case .local(let path): what = printable(path)
            case .other(let family): what = "address family \(family)"
            }
        } else if subject.kind == .file, let path = event.concernedPath {
            what = printable(path)
        } else {
            what = [event.text("op"), event.field("acct").map(printable)].compactMap { $0 }.joined(separator: " ")
            if what.isEmpty { what = event.executedPath.map(printable) ?? event.systemCall?.name ?? event.type }
        }
        if what.utf8.count > 300 { what = String(what.prefix(300)) + "…" }
        return "\(who) \(subject.verb) \(what)" + (succeeded == false ? ": failed" : "")
    }

    /// Text for a field that must be one: what is no UTF-8 and every control character becomes U+FFFD.
    static func printable(_ bytes: [UInt8]) -> String {
        if bytes.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return String(decoding: bytes, as: UTF8.self) }
        var text = String.UnicodeScalarView()
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            text.append(scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) ? "\u{FFFD}" : scalar)
        }
        return String(text)
    }

    /// Bytes exactly: a string, or `{"hex": …}` where they are no UTF-8.
    static func value(_ bytes: [UInt8]) -> JSONValue {
        if bytes.allSatisfy({ $0 < 0x80 }) || String(validating: bytes, as: UTF8.self) != nil { return .string(bytes) }
        let digits = Array("0123456789abcdef".utf8)
        return .object(
            JSONObject(["hex": .string(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })]))
    }
}

extension JSONObject {
    /// Adds a member at the end; the caller knows that there is none of that name.
    mutating func append(_ name: String, _ value: JSONValue) {
        members.append(Member(name: Array(name.utf8), value: value))
    }
}

extension AuditEvent {
    /// Nil where the event says neither.
    var succeeded: Bool? {
        if let systemCall { return systemCall.succeeded }
        switch text("res") {
        case "success", "1": return true
        case "failed", "fail", "0": return false
        default: return nil
        }
    }

    /// Of the program: what ran, or what could not be run.
    var executedPath: [UInt8]? {
        if let call = systemCall, !call.succeeded, call.name.hasPrefix("execve"),
            let path = paths.first(where: { $0.kind == "NORMAL" || $0.kind == "UNKNOWN" })
        {
            return absolute(path.name)
        }
        return process.flatMap { $0.executable.isEmpty ? nil : $0.executable }
    }

    /// The file that an event is about: the last path that is no parent directory.
    var concernedPath: [UInt8]? {
        (paths.last { $0.kind != "PARENT" && $0.kind != "UNKNOWN" } ?? paths.last).map { absolute($0.name) }
    }

    private func absolute(_ path: [UInt8]) -> [UInt8] {
        guard path.first != UInt8(ascii: "/"), let directory = workingDirectory else { return path }
        return directory + (directory.last == UInt8(ascii: "/") ? [] : [UInt8(ascii: "/")]) + path
    }
}
