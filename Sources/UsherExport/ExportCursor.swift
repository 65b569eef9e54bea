internal import UsherEvidence
internal import UsherSystem
internal import UsherWire

/// How far a receiver has come, kept over restarts.
struct ExportCursor: Equatable {
    /// Whom it is about: a cursor that is used for another receiver would leave lines out.
    var destination: String
    /// Behind the last line that the receiver's host has taken.
    var reached: LogPosition
    /// Where a new connection begins: lines behind it may have been lost on the way.
    var resend: LogPosition

    private static let version: Int64 = 1
    private static let limit = 4096

    /// Nil when there is no file.
    static func load(_ path: String, destination: String) throws(ExportError) -> ExportCursor? {
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try Files.read(path, limit: limit, rules: FileRules(owner: CurrentProcess.effectiveUserID))
        } catch {
            if error.isNotFound { return nil }
            throw ExportError(.cursor, "the cursor cannot be read: \(error)")
        }
        guard let cursor = ExportCursor(bytes) else {
            let advice = "--from SEQUENCE says where to begin and writes it anew"
            throw ExportError(.cursor, "\(path) is not a cursor of this version; \(advice)")
        }
        guard cursor.destination == destination else {
            let advice = "give each receiver a cursor of its own, or say where to begin by --from SEQUENCE"
            let found = "\(path) is the cursor of \(cursor.destination), not of \(destination)"
            throw ExportError(.cursor, "\(found); \(advice)")
        }
        return cursor
    }

    func save(_ path: String) throws(ExportError) {
        do throws(SystemError) {
            try Files.writeAtomically(
                path, bytes, mode: 0o600, uid: CurrentProcess.effectiveUserID, gid: CurrentProcess.effectiveGroupID,
                durable: true)
        } catch {
            throw ExportError(.cursor, "the cursor cannot be written: \(error)")
        }
    }
}

extension ExportCursor {
    /// One JSON object and a line feed.
    var bytes: [UInt8] {
        var writer = JSONWriter(sink: [UInt8]())
        writer.beginObject()
        writer.name("version")
        writer.integer(Self.version)
        writer.name("destination")
        writer.string(Array(destination.utf8).span)
        Self.write(reached, to: &writer)
        writer.name("resend")
        writer.beginObject()
        Self.write(resend, to: &writer)
        writer.endObject()
        writer.endObject()
        return writer.sink + [UInt8(ascii: "\n")]
    }

    init?(_ bytes: [UInt8]) {
        guard let value = try? JSONParser.parse(bytes.span), case .object(let object) = value,
            object["version"] == .integer(Self.version), object.members.count <= 5,
            case .string(let name)? = object["destination"],
            let reached = Self.position(object), case .object(let inner)? = object["resend"],
            let resend = Self.position(inner), resend.sequence <= reached.sequence
        else { return nil }
        self.init(destination: String(decoding: name, as: UTF8.self), reached: reached, resend: resend)
    }

    private static func write(_ position: LogPosition, to writer: inout JSONWriter<[UInt8]>) {
        writer.name("sequence")
        writer.integer(position.sequence)
        guard let hash = position.hash else { return }
        writer.name("hash")
        writer.string(hash.digits.span)
    }

    private static func position(_ object: JSONObject) -> LogPosition? {
        guard case .integer(let sequence)? = object["sequence"], sequence >= 0 else { return nil }
        switch object["hash"] {
        case nil: return LogPosition(sequence: sequence, hash: nil)
        case .string(let digits): return LineHash(digits).map { LogPosition(sequence: sequence, hash: $0) }
        default: return nil
        }
    }
}
