public import UsherTicket
public import UsherWire

/// What detection reads of a record of evidence: of one that was just written, or of a line of the log. Both give the
/// same, so that a rule that is tried on stored evidence does what it will do live.
public struct DetectionEvent: Sendable, Equatable {
    /// Milliseconds since 1970-01-01 UTC.
    public var milliseconds: Int64
    public var session: String?
    /// The word under our key: `exec`, `file` …
    public var kind: String
    /// The kernel's or program's record type: `SYSCALL`, `USER_CMD` …
    public var record: String?
    public var role: String?
    public var account: String?
    public var succeeded: Bool?
    public var program: [UInt8]?
    /// The arguments joined by blanks, its first 8 KiB.
    public var command: [UInt8]?
    public var auid: UInt32?
    public var uid: UInt32?
    public var effectiveUID: UInt32?
    public var path: [UInt8]?
    public var access: DetectionRule.Access?
    public var fileOwner: UInt32?
    public var address: IPAddress?
    public var port: UInt16?
    /// Done by sshd's monitor, or started by it for PAM.
    public var isByLeader: Bool

    /// The longest command that patterns are held against.
    private static let longestCommand = 8192

    /// - Parameters:
    ///   - attributes: of the OCSF class.
    ///   - details: what stands under our key.
    public init(
        milliseconds: Int64, session: String?, kind: String, activity: Int, attributes: JSONObject, details: JSONObject
    ) {
        self.milliseconds = milliseconds
        self.session = session
        self.kind = kind
        record = details.text("record")
        role = details.text("role")
        account = details.text("account")
        succeeded = attributes.number("status_id").map { $0 == 1 }
        let process = attributes.object("process") ?? attributes.object("actor")?.object("process")
        program = process?.object("file")?.bytes("path")
        command = process?.bytes("cmd_line").map { Array($0.prefix(Self.longestCommand)) }
        auid = details.number("auid").flatMap { UInt32(exactly: $0) }
        uid = details.number("uid").flatMap { UInt32(exactly: $0) }
        effectiveUID = details.number("euid").flatMap { UInt32(exactly: $0) }
        path = attributes.object("file")?.bytes("path")
        // OCSF File System Activity: 2 reads, 14 opens for something that the record does not say.
        access = kind == "file" ? (activity == 2 ? .read : activity == 14 ? nil : .write) : nil
        fileOwner = details.number("file_owner").flatMap { UInt32(exactly: $0) }
        let endpoint = attributes.object("dst_endpoint") ?? attributes.object("src_endpoint")
        address = endpoint?.text("ip").flatMap { IPAddress($0) }
        port = endpoint?.number("port").flatMap { UInt16(exactly: $0) }
        isByLeader = details["leader"] == .boolean(true)
    }

    /// A line of the evidence log; nil for one that is no event.
    public init?(line: JSONObject) {
        guard case .integer(let time)? = line["time"], let details = line.object("usher"),
            let kind = details.text("kind")
        else { return nil }
        self.init(
            milliseconds: time, session: details.text("session"), kind: kind,
            activity: line.number("activity_id").map { Int(clamping: $0) } ?? 99, attributes: line, details: details)
    }

    /// A file of another session's account: by its owner, or by the home that it lies in.
    var isForeignFile: Bool {
        if let owner = fileOwner, EphemeralAccount.contains(uid: owner), owner != auid { return true }
        guard let path, path.starts(with: Self.homes), let account else { return false }
        let name = path.dropFirst(Self.homes.count).prefix { $0 != UInt8(ascii: "/") }
        return !name.isEmpty && !name.elementsEqual(account.utf8)
    }

    private static let homes = [UInt8](Paths.homes) + [UInt8(ascii: "/")]
}

extension JSONObject {
    fileprivate func object(_ name: StaticString) -> JSONObject? {
        guard case .object(let object)? = self[name] else { return nil }
        return object
    }

    fileprivate func bytes(_ name: StaticString) -> [UInt8]? {
        guard case .string(let bytes)? = self[name] else { return nil }
        return bytes
    }

    fileprivate func text(_ name: StaticString) -> String? {
        bytes(name).map { String(decoding: $0, as: UTF8.self) }
    }

    fileprivate func number(_ name: StaticString) -> Int64? {
        guard case .integer(let number)? = self[name] else { return nil }
        return number
    }
}
