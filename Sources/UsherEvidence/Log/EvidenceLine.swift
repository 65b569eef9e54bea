public import UsherWire

/// Why bytes are not a line of the log.
public struct EvidenceLineError: Error, Equatable, Sendable, CustomStringConvertible {
    public var detail: String

    init(_ detail: String) {
        self.detail = detail
    }

    public var description: String { detail }
}

/// A line of the log as it stands, read strictly.
public struct EvidenceLine: Sendable, Equatable {
    /// Without the line feed.
    public let bytes: [UInt8]
    public let sequence: Int64
    /// The hash of the line before, as this one names it.
    public let previous: LineHash
    public let host: String
    public let record: EvidenceRecord
    /// The whole line as JSON.
    public let object: JSONObject

    public var kind: String { record.kind }
    public var session: String? { record.session }
    public var hash: LineHash { LineHash(of: bytes) }

    /// Members in any order; those of OCSF must say the same as each other, and all of ours must be there.
    public init(parsing bytes: [UInt8]) throws(EvidenceLineError) {
        guard bytes.count < EvidenceLimits.lineBytes else { throw EvidenceLineError("longer than a line may be") }
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONParser.parse(bytes.span)
        } catch {
            throw EvidenceLineError("not JSON at byte \(error.offset): \(error.code)")
        }
        guard case .object(let object) = value else { throw EvidenceLineError("not a JSON object") }
        let own = EvidenceMembers(try EvidenceMembers(object).object("usher"))
        guard try own.integer("version") == EvidenceEncoder.version else {
            throw EvidenceLineError("usher.version is not \(EvidenceEncoder.version)")
        }
        let sequence = try own.integer("sequence")
        guard sequence > 0 else { throw EvidenceLineError("usher.sequence is not positive") }
        guard sequence <= EvidenceLimits.largestNumber else { throw EvidenceLineError("usher.sequence is too large") }
        guard let previous = LineHash(try own.string("previous")) else {
            throw EvidenceLineError("usher.previous is no hash")
        }
        self.bytes = bytes
        self.object = object
        self.sequence = sequence
        self.previous = previous
        host = try own.text("host")
        record = try Self.record(object, own)
        let metadata = EvidenceMembers(try EvidenceMembers(object).object("metadata"))
        guard try metadata.integer("sequence") == sequence, try metadata.optionalText("correlation_uid") == session
        else { throw EvidenceLineError("metadata does not say the same as usher") }
    }

    private static func record(
        _ object: JSONObject, _ own: EvidenceMembers
    ) throws(EvidenceLineError) -> EvidenceRecord {
        let members = EvidenceMembers(object)
        let (number, activity) = (try members.integer("class_uid"), try members.integer("activity_id"))
        guard let category = EvidenceRecord.Class(rawValue: Int(clamping: number)), (0...99).contains(activity),
            try members.integer("category_uid") == number / 1000,
            try members.integer("type_uid") == number * 100 + activity
        else { throw EvidenceLineError("class_uid, category_uid, activity_id and type_uid do not go together") }
        guard let severity = EvidenceRecord.Severity(rawValue: Int(clamping: try members.integer("severity_id"))) else {
            throw EvidenceLineError("severity_id is not known")
        }
        guard let attribution = EvidenceRecord.Attribution(rawValue: try own.text("attribution")) else {
            throw EvidenceLineError("usher.attribution is not known")
        }
        return EvidenceRecord(
            milliseconds: try members.integer("time"), category: category, activity: Int(activity),
            severity: severity, message: try members.text("message"), session: try own.optionalText("session"),
            attribution: attribution, kind: try own.text("kind"),
            attributes: members.rest(after: EvidenceEncoder.ownMembers),
            details: own.rest(after: EvidenceEncoder.ownDetails))
    }
}

/// Members of an object by name, each of the type that it must have.
struct EvidenceMembers {
    private let values: JSONObject

    init(_ object: JSONObject) {
        values = object
    }

    func integer(_ name: StaticString) throws(EvidenceLineError) -> Int64 {
        guard case .integer(let value)? = values[name] else { throw EvidenceLineError("\(name) is not an integer") }
        return value
    }

    func string(_ name: StaticString) throws(EvidenceLineError) -> [UInt8] {
        guard case .string(let bytes)? = values[name] else { throw EvidenceLineError("\(name) is not a string") }
        return bytes
    }

    func text(_ name: StaticString) throws(EvidenceLineError) -> String {
        String(decoding: try string(name), as: UTF8.self)
    }

    func optionalText(_ name: StaticString) throws(EvidenceLineError) -> String? {
        values[name] == nil ? nil : try text(name)
    }

    func object(_ name: StaticString) throws(EvidenceLineError) -> JSONObject {
        guard case .object(let object)? = values[name] else { throw EvidenceLineError("\(name) is not an object") }
        return object
    }

    func rest(after names: [[UInt8]]) -> JSONObject {
        JSONObject(members: values.members.filter { !names.contains($0.name) })
    }
}

/// Cuts a stream of bytes into lines, in bounded memory.
public struct LineSplitter: Sendable {
    public enum Piece: Sendable, Equatable {
        /// Without its line feed.
        case line([UInt8])
        /// Longer than `EvidenceLimits.lineBytes`: how many bytes it had.
        case tooLong(Int)
    }

    private var rest: [UInt8] = []
    /// Bytes of a line that is too long to be kept.
    private var dropped = 0

    public init() {}

    /// Bytes behind the last line feed: a line that is cut, or that is being written.
    public var unfinished: Int { dropped + rest.count }

    /// The lines that these bytes end.
    public mutating func take(_ bytes: [UInt8], _ body: (Piece) throws -> Void) rethrows {
        var start = 0
        while let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) {
            let piece = bytes[start..<end]
            start = end + 1
            let count = dropped + rest.count + piece.count
            if count >= EvidenceLimits.lineBytes {
                (dropped, rest) = (0, [])
                try body(.tooLong(count))
            } else {
                let line = rest.isEmpty ? Array(piece) : rest + piece
                rest.removeAll(keepingCapacity: true)
                try body(.line(line))
            }
        }
        rest += bytes[start...]
        if dropped > 0 || rest.count >= EvidenceLimits.lineBytes {
            dropped += rest.count
            rest.removeAll(keepingCapacity: true)
        }
    }
}
