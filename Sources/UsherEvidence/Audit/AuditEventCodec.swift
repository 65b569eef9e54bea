public import UsherWire

/// `AuditEvent` and `EvidenceGap` as `io.usher.Audit` carries them (Interfaces/io.usher.Audit.varlink).
///
/// Bytes are a JSON string where they are readable UTF-8, and `{"hex": "…"}` where they are not.
extension AuditEvent {
    public func write(to writer: inout JSONWriter<[UInt8]>) {
        writer.beginObject()
        writer.name("time")
        writer.integer(stamp.milliseconds)
        writer.name("serial")
        writer.integer(Int64(bitPattern: stamp.serial))
        writer.name("type")
        writer.text(type)
        writer.name("records")
        writer.integer(Int64(records))
        if !keys.isEmpty {
            writer.name("keys")
            writer.beginArray()
            for key in keys { writer.text(key) }
            writer.endArray()
        }
        if let process { process.write(to: &writer) }
        if let systemCall { systemCall.write(to: &writer) }
        if let command {
            writer.name("command")
            writer.beginArray()
            for argument in command.arguments { writer.bytes(argument) }
            writer.endArray()
            if command.isCut {
                writer.name("cut")
                writer.boolean(true)
            }
        }
        if let workingDirectory {
            writer.name("directory")
            writer.bytes(workingDirectory)
        }
        if !paths.isEmpty {
            writer.name("paths")
            writer.beginArray()
            for path in paths { path.write(to: &writer) }
            writer.endArray()
        }
        if let address { address.write(to: &writer) }
        if !fields.isEmpty {
            writer.name("fields")
            writer.beginArray()
            for field in fields {
                writer.beginArray()
                writer.text(field.name)
                writer.bytes(field.value)
                writer.endArray()
            }
            writer.endArray()
        }
        writer.endObject()
    }

    /// nil when the value is not exactly what `write` makes of an event.
    public init?(_ value: JSONValue) {
        guard case .object(let object) = value else { return nil }
        var members = Members(object)
        guard let time = members.time("time"), let serial = members.integer("serial"),
            let type = members.text("type"), let records = members.integer("records"), records >= 0
        else { return nil }
        self.init(
            stamp: Stamp(milliseconds: time, serial: UInt64(bitPattern: serial)), type: type,
            records: Int(clamping: records))
        keys = members.array("keys")?.compactMap(\.text) ?? []
        process = members.object("process").flatMap(Process.init)
        systemCall = members.object("call").flatMap(SystemCall.init)
        if let arguments = members.array("command") {
            command = Command(arguments: arguments.compactMap(\.bytes), isCut: members.boolean("cut"))
            guard command?.arguments.count == arguments.count else { return nil }
        }
        workingDirectory = members.take("directory").flatMap(\.bytes)
        let places = members.array("paths") ?? []
        paths = places.compactMap(Path.init)
        address = members.object("address").flatMap(Address.init)
        let pairs = members.array("fields") ?? []
        fields = pairs.compactMap(Field.init)
        guard paths.count == places.count, fields.count == pairs.count, members.isEmpty else { return nil }
    }
}

extension AuditEvent.Process {
    fileprivate func write(to writer: inout JSONWriter<[UInt8]>) {
        writer.name("process")
        writer.beginObject()
        writer.number("pid", Int64(pid))
        writer.number("parent", parent)
        writer.number("auid", auid)
        writer.number("ses", ses)
        writer.number("uid", uid)
        writer.number("euid", effectiveUID)
        writer.number("suid", savedUID)
        writer.number("gid", gid)
        writer.number("egid", effectiveGID)
        if let terminal {
            writer.name("terminal")
            writer.bytes(terminal)
        }
        writer.name("name")
        writer.bytes(name)
        writer.name("executable")
        writer.bytes(executable)
        writer.endObject()
    }

    fileprivate init?(_ object: JSONObject) {
        var members = Members(object)
        guard let pid = members.integer("pid").flatMap({ Int32(exactly: $0) }) else { return nil }
        self.init(pid: pid)
        parent = members.integer("parent").flatMap { Int32(exactly: $0) }
        auid = members.unsigned("auid")
        ses = members.unsigned("ses")
        uid = members.unsigned("uid")
        effectiveUID = members.unsigned("euid")
        savedUID = members.unsigned("suid")
        gid = members.unsigned("gid")
        effectiveGID = members.unsigned("egid")
        terminal = members.take("terminal").flatMap(\.bytes)
        guard let name = members.take("name").flatMap(\.bytes),
            let executable = members.take("executable").flatMap(\.bytes), members.isEmpty
        else { return nil }
        self.name = name
        self.executable = executable
    }
}

extension AuditEvent.SystemCall {
    fileprivate func write(to writer: inout JSONWriter<[UInt8]>) {
        writer.name("call")
        writer.beginObject()
        writer.name("name")
        writer.text(name)
        writer.name("succeeded")
        writer.boolean(succeeded)
        writer.number("exit", exit)
        writer.name("arguments")
        writer.beginArray()
        for argument in arguments { writer.integer(Int64(bitPattern: argument)) }
        writer.endArray()
        writer.endObject()
    }

    fileprivate init?(_ object: JSONObject) {
        var members = Members(object)
        guard let name = members.text("name"), case .boolean(let succeeded)? = members.take("succeeded"),
            let exit = members.integer("exit"), let arguments = members.array("arguments"), members.isEmpty
        else { return nil }
        self.init(
            name: name, succeeded: succeeded, exit: exit,
            arguments: arguments.compactMap {
                guard case .integer(let number) = $0 else { return nil }
                return UInt64(bitPattern: number)
            })
    }
}

extension AuditEvent.Path {
    fileprivate func write(to writer: inout JSONWriter<[UInt8]>) {
        writer.beginObject()
        writer.name("name")
        writer.bytes(name)
        writer.name("kind")
        writer.text(kind)
        if let inode {
            writer.name("inode")
            writer.integer(Int64(bitPattern: inode))
        }
        writer.number("mode", mode)
        writer.number("owner", ownerUID)
        writer.endObject()
    }

    fileprivate init?(_ value: JSONValue) {
        guard case .object(let object) = value else { return nil }
        var members = Members(object)
        guard let name = members.take("name").flatMap(\.bytes), let kind = members.text("kind") else { return nil }
        self.init(name: name, kind: kind)
        inode = members.integer("inode").map { UInt64(bitPattern: $0) }
        mode = members.unsigned("mode")
        ownerUID = members.unsigned("owner")
        guard members.isEmpty else { return nil }
    }
}

extension AuditEvent.Address {
    fileprivate func write(to writer: inout JSONWriter<[UInt8]>) {
        writer.name("address")
        writer.beginObject()
        switch self {
        case .internet(let address, let port):
            writer.name("internet")
            writer.text(address)
            writer.number("port", Int64(port))
        case .local(let path):
            writer.name("local")
            writer.bytes(path)
        case .other(let family):
            writer.number("family", Int64(family))
        }
        writer.endObject()
    }

    fileprivate init?(_ object: JSONObject) {
        var members = Members(object)
        if let address = members.text("internet"),
            let port = members.integer("port").flatMap({ UInt16(exactly: $0) })
        {
            self = .internet(address: address, port: port)
        } else if let path = members.take("local").flatMap(\.bytes) {
            self = .local(path)
        } else if let family = members.integer("family").flatMap({ UInt16(exactly: $0) }) {
            self = .other(family: family)
        } else {
            return nil
        }
        guard members.isEmpty else { return nil }
    }
}

extension AuditEvent.Field {
    fileprivate init?(_ value: JSONValue) {
        guard case .array(let pair) = value, pair.count == 2, let name = pair[0].text, let value = pair[1].bytes
        else { return nil }
        self.init(name: name, value: value)
    }
}

extension EvidenceGap {
    public func write(to writer: inout JSONWriter<[UInt8]>) {
        writer.beginObject()
        writer.number("from", from)
        writer.number("to", to)
        writer.name("cause")
        writer.text(cause.rawValue)
        if let lost { writer.number("lost", Int64(lost)) }
        writer.name("detail")
        writer.text(detail)
        writer.endObject()
    }

    /// nil when the value is not exactly what `write` makes of a gap.
    public init?(_ value: JSONValue) {
        guard case .object(let object) = value else { return nil }
        var members = Members(object)
        guard let from = members.time("from"), let to = members.time("to"), from <= to,
            let cause = members.text("cause").flatMap(Cause.init(rawValue:)), let detail = members.text("detail")
        else { return nil }
        self.init(
            from: from, to: to, cause: cause, lost: members.integer("lost").map { Int(clamping: $0) }, detail: detail)
        guard members.isEmpty else { return nil }
    }
}

/// Takes the members of an object one by one.
private struct Members {
    private var members: [JSONObject.Member]

    init(_ object: JSONObject) {
        members = object.members
    }

    var isEmpty: Bool { members.isEmpty }

    mutating func take(_ name: StaticString) -> JSONValue? {
        guard let index = members.firstIndex(where: { $0.name.equals(name) }) else { return nil }
        return members.remove(at: index).value
    }

    mutating func integer(_ name: StaticString) -> Int64? {
        guard case .integer(let number)? = take(name) else { return nil }
        return number
    }

    /// Milliseconds since 1970, up to the year 2096: what is computed with them does not overflow.
    mutating func time(_ name: StaticString) -> Int64? {
        integer(name).flatMap { (0...4_000_000_000_000).contains($0) ? $0 : nil }
    }

    mutating func unsigned(_ name: StaticString) -> UInt32? {
        integer(name).flatMap { UInt32(exactly: $0) }
    }

    mutating func text(_ name: StaticString) -> String? { take(name)?.text }

    mutating func boolean(_ name: StaticString) -> Bool { take(name) == .boolean(true) }

    mutating func array(_ name: StaticString) -> [JSONValue]? {
        guard case .array(let values)? = take(name) else { return nil }
        return values
    }

    mutating func object(_ name: StaticString) -> JSONObject? {
        guard case .object(let object)? = take(name) else { return nil }
        return object
    }
}

extension JSONValue {
    fileprivate var text: String? {
        guard case .string(let bytes) = self else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    fileprivate var bytes: [UInt8]? {
        switch self {
        case .string(let bytes): return bytes
        case .object(let object):
            guard object.members.count == 1, case .string(let digits)? = object["hex"],
                digits.count.isMultiple(of: 2)
            else { return nil }
            var result: [UInt8] = []
            result.reserveCapacity(digits.count / 2)
            for index in stride(from: 0, to: digits.count, by: 2) {
                guard let high = Hexadecimal.value(digits[index]), let low = Hexadecimal.value(digits[index + 1])
                else { return nil }
                result.append(high << 4 | low)
            }
            return result
        default: return nil
        }
    }
}

extension JSONWriter<[UInt8]> {
    fileprivate mutating func text(_ text: String) {
        string(Array(text.utf8).span)
    }

    fileprivate mutating func number(_ name: StaticString, _ value: Int64) {
        self.name(name)
        integer(value)
    }

    fileprivate mutating func number(_ name: StaticString, _ value: UInt32?) {
        if let value { number(name, Int64(value)) }
    }

    fileprivate mutating func number(_ name: StaticString, _ value: Int32?) {
        if let value { number(name, Int64(value)) }
    }

    /// Control characters would cost six bytes each, so that such bytes too go as hexadecimal digits: at most two each.
    fileprivate mutating func bytes(_ bytes: [UInt8]) {
        if bytes.allSatisfy({ $0 >= 0x20 && $0 < 0x7F })
            || (String(validating: bytes, as: UTF8.self) != nil && bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7F })
        {
            return string(bytes.span)
        }
        beginObject()
        name("hex")
        var digits: [UInt8] = []
        digits.reserveCapacity(bytes.count * 2)
        for byte in bytes {
            digits.append(Hexadecimal.digit(byte >> 4))
            digits.append(Hexadecimal.digit(byte & 15))
        }
        string(digits.span)
        endObject()
    }
}

private enum Hexadecimal {
    static func digit(_ nibble: UInt8) -> UInt8 { nibble < 10 ? 0x30 + nibble : 0x61 + nibble - 10 }

    static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x61...0x66: digit - 0x61 + 10
        default: nil
        }
    }
}
