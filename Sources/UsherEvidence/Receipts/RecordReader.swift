internal import UsherWire

/// Takes the members of a record one by one; whatever is missing, mistyped, out of range or left over refuses it.
struct RecordReader {
    private var members: [JSONObject.Member]
    private let place: String

    init(_ object: JSONObject, place: String) {
        members = object.members
        self.place = place
    }

    static func receipt(_ payload: JSONObject) throws(RecordError) -> Receipt {
        var reader = RecordReader(payload, place: "the receipt")
        let host = try reader.text("iss")
        let issuedAt = try reader.integer("iat")
        try reader.version()
        let session = try Self.session(reader.object("session"))
        let openedAt = try reader.integer("openedAt")
        let endedAt = try reader.optionalInteger("endedAt")
        let closedAt = try reader.integer("closedAt")
        let reason = try reader.text("reason")
        let by = try reader.text("by")
        var steps: [Receipt.Step] = []
        for object in try reader.objects("steps") { steps.append(try step(object)) }
        let left = try reader.integer("left")
        try reader.finish()
        let receipt = Receipt(
            host: host, session: session, openedAt: openedAt, endedAt: endedAt, closedAt: closedAt, reason: reason,
            by: by, read: steps)
        guard issuedAt == closedAt else { throw reader.refusal("iat is not closedAt") }
        guard left == Int64(receipt.leftCount) else { throw reader.refusal("left is not what the steps left") }
        return receipt
    }

    static func supplement(_ payload: JSONObject) throws(RecordError) -> ReceiptSupplement {
        var reader = RecordReader(payload, place: "the supplement")
        let host = try reader.text("iss")
        let at = try reader.integer("iat")
        try reader.version()
        let session = try reader.text("session")
        let account = try reader.text("account")
        let uid = try reader.number("uid", as: UInt32.self)
        let number = try reader.count("number")
        let previous = try reader.text("previous")
        let word = try reader.text("event")
        let by = try reader.text("by")
        let reason = try reader.optionalText("reason")
        let findings = try reader.findings("findings", more: "moreFindings")
        let left = try reader.count("left")
        try reader.finish()
        guard let event = ReceiptSupplement.Event(rawValue: word) else { throw reader.refusal("event is unknown") }
        return ReceiptSupplement(
            host: host, session: session, account: account, uid: uid, number: number, previous: previous, at: at,
            event: event, by: by, reason: reason, findings: findings, leftCount: left)
    }

    private static func session(_ object: JSONObject) throws(RecordError) -> Receipt.Session {
        var reader = RecordReader(object, place: "session")
        let session = Receipt.Session(
            id: try reader.text("id"), account: try reader.text("account"), kind: try reader.text("kind"),
            uid: try reader.number("uid", as: UInt32.self), subject: try reader.text("subject"),
            actor: try reader.optionalText("actor"), owner: try reader.optionalText("owner"),
            role: try reader.text("role"), issuer: try reader.text("issuer"), key: try reader.text("key"),
            ticket: try reader.text("ticket"), approval: try reader.optionalText("approval"),
            change: try reader.optionalText("change"), service: try reader.text("service"),
            remoteHost: try reader.optionalText("remoteHost"),
            auditSession: try reader.number("auditSession", as: UInt32.self), bootID: try reader.text("boot"))
        try reader.finish()
        return session
    }

    private static func step(_ object: JSONObject) throws(RecordError) -> Receipt.Step {
        var reader = RecordReader(object, place: "a step")
        let word = try reader.text("name")
        guard let name = TeardownStep.Name(rawValue: word) else { throw reader.refusal("name is no step") }
        let step = Receipt.Step(
            name: name, microseconds: try reader.integer("microseconds"), attempts: try reader.count("attempts"),
            removed: try reader.findings("removed", more: "moreRemoved"),
            left: try reader.findings("left", more: "moreLeft"), skipped: try reader.optionalText("skipped"))
        try reader.finish()
        return step
    }

    private mutating func findings(_ name: StaticString, more: StaticString) throws(RecordError) -> FindingList {
        var findings: [Finding] = []
        for object in try objects(name) {
            var reader = RecordReader(object, place: "a finding")
            let finding = Finding(
                kind: try reader.text("kind"), what: try reader.text("what"), count: try reader.count("count"))
            try reader.finish()
            findings.append(finding)
        }
        return FindingList(read: findings, more: try count(more))
    }

    private mutating func version() throws(RecordError) {
        guard try integer("version") == RecordWriter.version else { throw refusal("its version is not known here") }
    }

    private mutating func text(_ name: StaticString) throws(RecordError) -> String {
        guard let text = try optionalText(name) else { throw refusal("\(name) is missing") }
        return text
    }

    private mutating func optionalText(_ name: StaticString) throws(RecordError) -> String? {
        switch take(name) {
        case .string(let bytes)?: return String(decoding: bytes, as: UTF8.self)
        case nil: return nil
        default: throw refusal("\(name) is not a string")
        }
    }

    private mutating func integer(_ name: StaticString) throws(RecordError) -> Int64 {
        guard let value = try optionalInteger(name) else { throw refusal("\(name) is missing") }
        return value
    }

    private mutating func optionalInteger(_ name: StaticString) throws(RecordError) -> Int64? {
        switch take(name) {
        case .integer(let value)?: return value
        case nil: return nil
        default: throw refusal("\(name) is not an integer")
        }
    }

    private mutating func number<Number: FixedWidthInteger>(
        _ name: StaticString, as type: Number.Type
    ) throws(RecordError) -> Number {
        guard let number = Number(exactly: try integer(name)) else { throw refusal("\(name) is out of range") }
        return number
    }

    /// At most 2^31 − 1, so that sums of many stay numbers.
    private mutating func count(_ name: StaticString) throws(RecordError) -> Int {
        let number = try number(name, as: Int32.self)
        guard number >= 0 else { throw refusal("\(name) is out of range") }
        return Int(number)
    }

    private mutating func object(_ name: StaticString) throws(RecordError) -> JSONObject {
        guard case .object(let object)? = take(name) else { throw refusal("\(name) is not an object") }
        return object
    }

    private mutating func objects(_ name: StaticString) throws(RecordError) -> [JSONObject] {
        guard case .array(let values)? = take(name) else { throw refusal("\(name) is not an array") }
        var objects: [JSONObject] = []
        for value in values {
            guard case .object(let object) = value else { throw refusal("\(name) holds something else than objects") }
            objects.append(object)
        }
        return objects
    }

    private mutating func take(_ name: StaticString) -> JSONValue? {
        guard let index = members.firstIndex(where: { $0.name.equals(name) }) else { return nil }
        return members.remove(at: index).value
    }

    private func finish() throws(RecordError) {
        guard members.isEmpty else { throw refusal("it has members that do not belong there") }
    }

    private func refusal(_ what: String) -> RecordError {
        RecordError(.badContent, "\(place): \(what)")
    }
}
