internal import UsherWire

/// Receipts and supplements as JSON.
enum RecordWriter {
    /// The version of both forms: a reader refuses another.
    static let version: Int64 = 1

    static func payload(_ content: SignedRecord.Content) -> [UInt8] {
        var writer = JSONWriter(sink: [UInt8]())
        switch content {
        case .receipt(let receipt): writer.value(object(receipt))
        case .supplement(let supplement): writer.value(object(supplement))
        }
        return writer.sink
    }

    private static func object(_ receipt: Receipt) -> JSONValue {
        record([
            ("iss", text(receipt.host)), ("iat", .integer(receipt.closedAt)), ("version", .integer(version)),
            ("session", object(receipt.session)), ("openedAt", .integer(receipt.openedAt)),
            ("endedAt", receipt.endedAt.map { .integer($0) }), ("closedAt", .integer(receipt.closedAt)),
            ("reason", text(receipt.reason)), ("by", text(receipt.by)),
            ("steps", .array(receipt.steps.map(object))), ("left", number(receipt.leftCount)),
        ])
    }

    private static func object(_ session: Receipt.Session) -> JSONValue {
        record([
            ("id", text(session.id)), ("account", text(session.account)), ("kind", text(session.kind)),
            ("uid", number(session.uid)), ("subject", text(session.subject)), ("actor", session.actor.map(text)),
            ("owner", session.owner.map(text)), ("role", text(session.role)), ("issuer", text(session.issuer)),
            ("key", text(session.key)), ("ticket", text(session.ticket)), ("approval", session.approval.map(text)),
            ("change", session.change.map(text)), ("service", text(session.service)),
            ("remoteHost", session.remoteHost.map(text)), ("auditSession", number(session.auditSession)),
            ("boot", text(session.bootID)),
        ])
    }

    private static func object(_ step: Receipt.Step) -> JSONValue {
        record([
            ("name", text(step.name.rawValue)), ("microseconds", .integer(step.microseconds)),
            ("attempts", number(step.attempts)), ("removed", list(step.removed)),
            ("moreRemoved", number(step.removed.more)), ("left", list(step.left)),
            ("moreLeft", number(step.left.more)), ("skipped", step.skipped.map(text)),
        ])
    }

    private static func object(_ supplement: ReceiptSupplement) -> JSONValue {
        record([
            ("iss", text(supplement.host)), ("iat", .integer(supplement.at)), ("version", .integer(version)),
            ("session", text(supplement.session)), ("account", text(supplement.account)),
            ("uid", number(supplement.uid)), ("number", number(supplement.number)),
            ("previous", text(supplement.previous)), ("event", text(supplement.event.rawValue)),
            ("by", text(supplement.by)), ("reason", supplement.reason.map(text)),
            ("findings", list(supplement.findings)), ("moreFindings", number(supplement.findings.more)),
            ("left", number(supplement.leftCount)),
        ])
    }

    private static func list(_ list: FindingList) -> JSONValue {
        .array(
            list.findings.map { finding in
                record([
                    ("kind", text(finding.kind)), ("what", text(finding.what)), ("count", number(finding.count)),
                ])
            })
    }

    private static func record(_ members: [(StaticString, JSONValue?)]) -> JSONValue {
        .object(
            JSONObject(
                members: members.compactMap { name, value in
                    value.map { JSONObject.Member(name: [UInt8](name), value: $0) }
                }))
    }

    private static func text(_ text: String) -> JSONValue { .string(Array(text.utf8)) }

    private static func number(_ number: some BinaryInteger) -> JSONValue { .integer(Int64(number)) }
}
