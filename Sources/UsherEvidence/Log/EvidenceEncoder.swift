internal import UsherWire

/// A record as a line: members of OCSF first, ours under one key last, in a fixed order.
enum EvidenceEncoder {
    /// The version of what stands under our key.
    static let version: Int64 = 1
    /// Members of a line that are not attributes of its class.
    static let ownMembers = [
        "metadata", "time", "class_uid", "category_uid", "activity_id", "type_uid", "severity_id", "message", "usher",
    ].map { Array($0.utf8) }
    /// Members under our key that are no details.
    static let ownDetails = ["version", "sequence", "previous", "host", "session", "attribution", "kind"]
        .map { Array($0.utf8) }

    static func line(_ record: EvidenceRecord, host: String, sequence: Int64, previous: LineHash) -> [UInt8] {
        var writer = JSONWriter(sink: [UInt8]())
        writer.sink.reserveCapacity(1024)
        writer.beginObject()
        metadata(record, sequence, &writer)
        let number = Int64(record.category.rawValue)
        let activity = Int64(record.activity)
        for (name, value) in [
            ("time", record.milliseconds), ("class_uid", number), ("category_uid", number / 1000),
            ("activity_id", activity), ("type_uid", number * 100 + activity),
            ("severity_id", Int64(record.severity.rawValue)),
        ] as [(StaticString, Int64)] {
            writer.name(name)
            writer.integer(value)
        }
        writer.name("message")
        text(cut(record.message), &writer)
        members(record.attributes, except: ownMembers, depth: 1, &writer)
        writer.name("usher")
        writer.beginObject()
        writer.name("version")
        writer.integer(version)
        writer.name("sequence")
        writer.integer(sequence)
        writer.name("previous")
        writer.string(previous.digits.span)
        writer.name("host")
        text(host, &writer)
        if let session = record.session {
            writer.name("session")
            text(session, &writer)
        }
        writer.name("attribution")
        text(record.attribution.rawValue, &writer)
        writer.name("kind")
        text(record.kind, &writer)
        members(record.details, except: ownDetails, depth: 2, &writer)
        writer.endObject()
        writer.endObject()
        return writer.sink
    }

    private static func metadata(_ record: EvidenceRecord, _ sequence: Int64, _ writer: inout JSONWriter<[UInt8]>) {
        writer.name("metadata")
        writer.beginObject()
        writer.name("version")
        text(EvidenceRecord.schemaVersion, &writer)
        writer.name("product")
        writer.beginObject()
        writer.name("name")
        writer.string("usher")
        writer.name("vendor_name")
        writer.string("Usher")
        writer.name("version")
        writer.string(Version.current)
        writer.endObject()
        writer.name("sequence")
        writer.integer(sequence)
        if let session = record.session {
            writer.name("correlation_uid")
            text(session, &writer)
        }
        writer.endObject()
    }

    /// A name that the line has already, or that came twice, gets another: the reader refuses a line with two of one.
    private static func members(
        _ object: JSONObject, except own: [[UInt8]], depth: Int, _ writer: inout JSONWriter<[UInt8]>
    ) {
        var written: [[UInt8]] = []
        for member in object.members.prefix(EvidenceLimits.members) {
            var name = member.name
            while own.contains(name) || written.contains(name) { name = Array("other_".utf8) + name }
            written.append(name)
            writer.name(bytes: name)
            value(member.value, depth: depth, &writer)
        }
    }

    private static func value(_ value: JSONValue, depth: Int, _ writer: inout JSONWriter<[UInt8]>) {
        switch value {
        case .string(let bytes): string(bytes, &writer)
        case .array(let values):
            guard depth < EvidenceLimits.depth - 1 else { return writer.string("…") }
            writer.beginArray()
            for each in values { self.value(each, depth: depth + 1, &writer) }
            writer.endArray()
        case .object(let object):
            guard depth < EvidenceLimits.depth - 1 else { return writer.string("…") }
            writer.beginObject()
            members(object, except: [], depth: depth + 1, &writer)
            writer.endObject()
        case .null, .boolean, .integer: writer.value(value)
        }
    }

    /// What a process chose need not be text: bytes that are not UTF-8 are told in hexadecimal, apart from any text.
    private static func string(_ bytes: [UInt8], _ writer: inout JSONWriter<[UInt8]>) {
        guard bytes.allSatisfy({ $0 < 0x80 }) || String(validating: bytes, as: UTF8.self) != nil else {
            writer.beginObject()
            writer.name("hex")
            writer.string(LineHash.hexadecimal(bytes).span)
            writer.endObject()
            return
        }
        writer.string(bytes.span)
    }

    private static func text(_ text: String, _ writer: inout JSONWriter<[UInt8]>) {
        writer.string(Array(text.utf8).span)
    }

    private static func cut(_ message: String) -> String {
        guard message.utf8.count > EvidenceLimits.messageBytes else { return message }
        var bytes = Array(message.utf8.prefix(EvidenceLimits.messageBytes - 3))
        while String(validating: bytes, as: UTF8.self) == nil, !bytes.isEmpty { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self) + "…"
    }
}
