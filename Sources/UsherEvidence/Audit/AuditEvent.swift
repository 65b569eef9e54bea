/// What the records of one event in the kernel's audit stream say together: the records share a time and a serial.
///
/// The strings are bytes: arguments, paths and command names are what the process chose, not text. Numbers that a record
/// does not carry are nil.
public struct AuditEvent: Sendable, Equatable {
    /// The identity of an event: `audit(1364481363.243:24287)`.
    public struct Stamp: Sendable, Equatable, Hashable, Comparable {
        /// Milliseconds since 1970-01-01 UTC, by the kernel's clock.
        public var milliseconds: Int64
        public var serial: UInt64

        public init(milliseconds: Int64, serial: UInt64) {
            self.milliseconds = milliseconds
            self.serial = serial
        }

        public static func < (first: Self, second: Self) -> Bool {
            (first.milliseconds, first.serial) < (second.milliseconds, second.serial)
        }
    }

    /// Whom the kernel names: from the SYSCALL record, or from a user space record's stamped part.
    public struct Process: Sendable, Equatable {
        public var pid: Int32
        public var parent: Int32?
        /// `loginuid`; nil while it is unset (4294967295).
        public var auid: UInt32?
        /// The kernel's session number; nil while it is unset.
        public var ses: UInt32?
        public var uid: UInt32?
        public var effectiveUID: UInt32?
        public var savedUID: UInt32?
        public var gid: UInt32?
        public var effectiveGID: UInt32?
        public var terminal: [UInt8]?
        public var name: [UInt8]
        public var executable: [UInt8]

        public init(pid: Int32, name: [UInt8] = [], executable: [UInt8] = []) {
            self.pid = pid
            self.name = name
            self.executable = executable
        }
    }

    /// A SYSCALL record.
    public struct SystemCall: Sendable, Equatable {
        /// By name (`execve`), as libauparse tells it for the record's architecture; `#59` where it knows none.
        public var name: String
        public var succeeded: Bool
        /// The result, negative errno on failure.
        public var exit: Int64
        /// a0 to a3.
        public var arguments: [UInt64]

        public init(name: String, succeeded: Bool, exit: Int64, arguments: [UInt64] = []) {
            self.name = name
            self.succeeded = succeeded
            self.exit = exit
            self.arguments = arguments
        }
    }

    /// An EXECVE record and its continuations.
    public struct Command: Sendable, Equatable {
        public var arguments: [[UInt8]]
        /// Arguments or bytes are missing: the kernel cut them, or they passed the event's bound.
        public var isCut: Bool

        public init(arguments: [[UInt8]], isCut: Bool = false) {
            self.arguments = arguments
            self.isCut = isCut
        }
    }

    /// A PATH record.
    public struct Path: Sendable, Equatable {
        public var name: [UInt8]
        /// NORMAL, PARENT, CREATE, DELETE, UNKNOWN.
        public var kind: String
        public var inode: UInt64?
        public var mode: UInt32?
        public var ownerUID: UInt32?

        public init(name: [UInt8], kind: String) {
            self.name = name
            self.kind = kind
        }
    }

    /// A SOCKADDR record.
    public enum Address: Sendable, Equatable {
        /// A numeric address, IPv4 or IPv6.
        case internet(address: String, port: UInt16)
        /// A path; an abstract name begins with a zero byte.
        case local([UInt8])
        /// Another family, by its number.
        case other(family: UInt16)
    }

    public var stamp: Stamp
    /// The record type that says what the event is: `SYSCALL`, `USER_CMD`, `CONFIG_CHANGE`, …; that of the first record
    /// where none is known better.
    public var type: String
    /// Keys of the rules that matched (`key=`).
    public var keys: [String]
    public var process: Process?
    public var systemCall: SystemCall?
    public var command: Command?
    public var workingDirectory: [UInt8]?
    public var paths: [Path]
    public var address: Address?
    /// Fields of a record that is no SYSCALL (`op`, `acct`, `res`, `audit_enabled`, `lost` …), decoded, in their order.
    public var fields: [Field]
    /// How many raw records the event had.
    public var records: Int

    public struct Field: Sendable, Equatable {
        public var name: String
        public var value: [UInt8]

        public init(name: String, value: [UInt8]) {
            self.name = name
            self.value = value
        }
    }

    public init(stamp: Stamp, type: String, records: Int = 1) {
        self.stamp = stamp
        self.type = type
        keys = []
        paths = []
        fields = []
        self.records = records
    }
}
