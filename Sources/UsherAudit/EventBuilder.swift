internal import CAuparse

/// Gathers the fields of an event's records, in the order in which libauparse gives them.
struct EventBuilder {
    static let systemCallType = Int32(AUDIT_SYSCALL)

    private enum Place { case systemCall, command, directory, path, address, ignored, fields }

    private(set) var records = 0
    private(set) var machine: UInt32 = 0
    var command = AuditEvent.Command(arguments: [])

    private let stamp: AuditEvent.Stamp
    private var place = Place.ignored
    private var mainType: String?
    private var firstType: String?
    private var keys: [String] = []
    /// Of the SYSCALL record, which the kernel fills whole; of another record where there is none.
    private var process: AuditEvent.Process?
    private var otherProcess = OtherProcess()
    private var call: AuditEvent.SystemCall?
    private var hasCommand = false
    private var argumentCount = 0
    private var workingDirectory: [UInt8]?
    private var paths: [AuditEvent.Path] = []
    private var address: AuditEvent.Address?
    private var fields: [AuditEvent.Field] = []

    /// Whom a record of user space names. The kernel's own words come first; what repeats them inside `msg='…'` is the
    /// sender's.
    private struct OtherProcess {
        var pid: Int32?
        var uid: UInt32?
        var auid: UInt32??
        var ses: UInt32??
        var terminal: [UInt8]?
        var name: [UInt8]?
        var executable: [UInt8]?
    }

    init(_ stamp: AuditEvent.Stamp) {
        self.stamp = stamp
    }

    /// A record begins.
    mutating func begin(_ type: Int32, name: () -> String) {
        records += 1
        switch type {
        case Self.systemCallType:
            place = .systemCall
            process = AuditEvent.Process(pid: 0)
            call = AuditEvent.SystemCall(name: "", succeeded: false, exit: 0)
        case Int32(AUDIT_EXECVE):
            place = .command
            hasCommand = true
        case Int32(AUDIT_CWD): place = .directory
        case Int32(AUDIT_PATH):
            place = paths.count < EventParser.paths ? .path : .ignored
            if place == .path { paths.append(AuditEvent.Path(name: [], kind: "UNKNOWN")) }
        case Int32(AUDIT_SOCKADDR): place = .address
        case Int32(AUDIT_PROCTITLE), Int32(AUDIT_EOE): place = .ignored
        default:
            place = .fields
            if mainType == nil, !Self.isCompanion(type) { mainType = name() }
        }
        if firstType == nil { firstType = name() }
    }

    /// Types that go with a SYSCALL record and do not say what the event is.
    private static func isCompanion(_ type: Int32) -> Bool {
        switch type {
        case Int32(AUDIT_IPC), Int32(AUDIT_SOCKETCALL), Int32(AUDIT_IPC_SET_PERM), Int32(AUDIT_MQ_OPEN),
            Int32(AUDIT_MQ_SENDRECV), Int32(AUDIT_MQ_NOTIFY), Int32(AUDIT_MQ_GETSETATTR), Int32(AUDIT_FD_PAIR),
            Int32(AUDIT_OBJ_PID), Int32(AUDIT_BPRM_FCAPS), Int32(AUDIT_CAPSET), Int32(AUDIT_MMAP):
            true
        default: false
        }
    }

    mutating func nameSystemCall(_ name: String) {
        call?.name = name
    }

    mutating func add(_ name: CText, _ value: FieldValue) {
        if unsafe name == "type" || name == "node" || name == "subj" { return }
        switch place {
        case .systemCall: unsafe addToSystemCall(name, value)
        case .command: unsafe addToCommand(name, value)
        case .directory: if unsafe name == "cwd" { workingDirectory = unsafe value.decoded }
        case .path: unsafe addToPath(name, value)
        case .address:
            if unsafe name == "saddr" { address = unsafe value.text.unhexed.flatMap(SocketAddressBytes.read) }
        case .ignored: break
        case .fields: unsafe addToFields(name, value)
        }
    }

    private mutating func addToSystemCall(_ name: CText, _ value: FieldValue) {
        let text = unsafe value.text
        if unsafe name == "arch" {
            machine = unsafe text.hexadecimal.flatMap { UInt32(exactly: $0) } ?? 0
        } else if unsafe name == "success" {
            call?.succeeded = unsafe text == "yes"
        } else if unsafe name == "exit" {
            call?.exit = unsafe text.signed ?? 0
        } else if unsafe name.count == 2, unsafe name[0] == UInt8(ascii: "a") {
            if let number = unsafe text.hexadecimal { call?.arguments.append(number) }
        } else if unsafe name == "ppid" {
            process?.parent = unsafe text.identifier.flatMap { Int32(exactly: $0) }
        } else if unsafe name == "pid" {
            process?.pid = unsafe text.identifier.flatMap { Int32(exactly: $0) } ?? 0
        } else if unsafe name == "auid" {
            process?.auid = unsafe text.set
        } else if unsafe name == "uid" {
            process?.uid = unsafe text.identifier
        } else if unsafe name == "gid" {
            process?.gid = unsafe text.identifier
        } else if unsafe name == "euid" {
            process?.effectiveUID = unsafe text.identifier
        } else if unsafe name == "suid" {
            process?.savedUID = unsafe text.identifier
        } else if unsafe name == "egid" {
            process?.effectiveGID = unsafe text.identifier
        } else if unsafe name == "tty" {
            process?.terminal = unsafe value.decoded
        } else if unsafe name == "ses" {
            process?.ses = unsafe text.set
        } else if unsafe name == "comm" {
            process?.name = unsafe value.decoded ?? []
        } else if unsafe name == "exe" {
            process?.executable = unsafe value.decoded ?? []
        } else if unsafe name == "key" {
            keys += unsafe Self.keys(value)
        }
    }

    /// `a0`, `a1_len`, `a1[0]`: an argument, or the parts of one that is longer than a record.
    private mutating func addToCommand(_ name: CText, _ value: FieldValue) {
        if unsafe name == "argc" {
            argumentCount = unsafe value.text.decimal.flatMap { Int(exactly: $0) } ?? 0
            return
        }
        guard unsafe name.count > 1, unsafe name[0] == UInt8(ascii: "a") else { return }
        var number = 0
        var position = 1
        while unsafe position < name.count, unsafe (0x30...0x39).contains(name[position]),
            number <= EventParser.arguments
        {
            number = unsafe number * 10 + Int(name[position] - 0x30)
            position += 1
        }
        guard position > 1, number < EventParser.arguments else {
            command.isCut = true
            return
        }
        let isWhole = unsafe position == name.count
        guard unsafe isWhole || name[position] == UInt8(ascii: "[") else { return }
        while command.arguments.count <= number { command.arguments.append([]) }
        // An argument's bytes are quoted or hexadecimal, whatever libauparse makes of the name of a part.
        let bytes = unsafe FieldValue(text: value.text, kind: Int32(AUPARSE_TYPE_ESCAPED.rawValue)).decoded ?? []
        if isWhole { command.arguments[number] = bytes } else { command.arguments[number] += bytes }
    }

    private mutating func addToPath(_ name: CText, _ value: FieldValue) {
        let last = paths.count - 1
        if unsafe name == "name" {
            paths[last].name = unsafe value.decoded ?? []
        } else if unsafe name == "inode" {
            paths[last].inode = unsafe value.text.decimal
        } else if unsafe name == "mode" {
            paths[last].mode = unsafe value.text.octal.flatMap { UInt32(exactly: $0) }
        } else if unsafe name == "ouid" {
            paths[last].ownerUID = unsafe value.text.identifier
        } else if unsafe name == "nametype" || name == "objtype" {
            paths[last].kind = unsafe value.text.string
        }
    }

    private mutating func addToFields(_ name: CText, _ value: FieldValue) {
        let text = unsafe value.text
        if unsafe name == "pid", otherProcess.pid == nil {
            otherProcess.pid = unsafe text.identifier.flatMap { Int32(exactly: $0) }
            return
        } else if unsafe name == "uid", otherProcess.uid == nil {
            otherProcess.uid = unsafe text.identifier
            return
        } else if unsafe name == "auid", otherProcess.auid == nil {
            otherProcess.auid = unsafe .some(text.set)
            return
        } else if unsafe name == "ses", otherProcess.ses == nil {
            otherProcess.ses = unsafe .some(text.set)
            return
        }
        let decoded = unsafe value.decoded
        if unsafe name == "exe", otherProcess.executable == nil { otherProcess.executable = decoded }
        if unsafe name == "comm", otherProcess.name == nil { otherProcess.name = decoded }
        if unsafe name == "terminal" || name == "tty", otherProcess.terminal == nil { otherProcess.terminal = decoded }
        if unsafe name == "key" { keys += unsafe Self.keys(value) }
        guard fields.count < EventParser.fields else { return }
        fields.append(AuditEvent.Field(name: unsafe name.string, value: unsafe decoded ?? text.array))
    }

    /// Several keys of one rule come with 0x01 between them.
    private static func keys(_ value: FieldValue) -> [String] {
        guard let bytes = unsafe value.decoded else { return [] }
        return bytes.split(separator: 0x01).prefix(16).map { String(decoding: $0, as: UTF8.self) }
    }

    /// What all records said together.
    func finish(_ event: inout AuditEvent) {
        event.type = mainType ?? (call == nil ? firstType : "SYSCALL") ?? "UNKNOWN"
        event.keys = keys
        event.process = process
        event.fields = fields
        if event.process == nil, let pid = otherProcess.pid {
            var found = AuditEvent.Process(pid: pid)
            found.uid = otherProcess.uid
            found.auid = otherProcess.auid ?? nil
            found.ses = otherProcess.ses ?? nil
            found.terminal = otherProcess.terminal
            found.name = otherProcess.name ?? []
            found.executable = otherProcess.executable ?? []
            event.process = found
        } else if event.process == nil {
            // Records without a process: CONFIG_CHANGE by a rule that the kernel removed.
            event.fields = Self.named("auid", otherProcess.auid) + Self.named("ses", otherProcess.ses) + fields
        }
        event.systemCall = call
        if hasCommand {
            event.command = command
            if command.arguments.count < argumentCount { event.command?.isCut = true }
        }
        event.workingDirectory = workingDirectory
        event.paths = paths
        event.address = address
    }

    private static func named(_ name: String, _ number: UInt32??) -> [AuditEvent.Field] {
        guard let number, let number else { return [] }
        return [AuditEvent.Field(name: name, value: Array("\(number)".utf8))]
    }
}

extension CText {
    /// A uid, gid or pid.
    fileprivate var identifier: UInt32? { unsafe decimal.flatMap { UInt32(exactly: $0) } }
    /// The same, without the value that says "not set"; old kernels wrote it as -1.
    fileprivate var set: UInt32? { unsafe identifier.flatMap { $0 == UInt32.max ? nil : $0 } }
}
