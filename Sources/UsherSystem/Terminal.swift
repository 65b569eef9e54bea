import CUsherLinux
import Glibc

/// A device by its numbers.
public struct DeviceNumber: Hashable, Sendable {
    public var major: UInt32
    public var minor: UInt32

    public init(major: UInt32, minor: UInt32) {
        self.major = major
        self.minor = minor
    }

    /// UNIX98_PTY_SLAVE_MAJOR of linux/major.h; the minor is the number in /dev/pts.
    static let pseudoterminalMajor: UInt32 = 136

    /// Of st_rdev, as gnu_dev_major(3) and gnu_dev_minor(3) take it apart.
    init(_ device: dev_t) {
        major = UInt32(device >> 8 & 0xFFF)
        minor = UInt32(device & 0xFF) | UInt32(device >> 12 & 0xFFF00)
    }

    /// Of the field tty_nr of proc_pid_stat(5), in the same form; nil for 0, which is no terminal.
    init?(processField: UInt64) {
        guard processField != 0 else { return nil }
        self.init(dev_t(processField))
    }
}

/// When a terminal was last used. The kernel moves both times in steps of 8 s (tty_update_time in
/// drivers/tty/tty_io.c, so that they do not betray the rhythm of typing): a time stands for everything up to
/// `granularity` seconds after it.
public struct TerminalUse: Equatable, Sendable {
    /// Seconds in which the times are counted.
    public static let granularity: Int64 = 8

    public var terminal: DeviceNumber
    /// Wall clock, seconds since 1970: a program read what was typed. st_atime, as w(1) takes it.
    public var inputAt: Int64
    /// Wall clock, seconds since 1970: a program wrote. st_mtime.
    public var outputAt: Int64

    public init(terminal: DeviceNumber, inputAt: Int64, outputAt: Int64) {
        self.terminal = terminal
        self.inputAt = inputAt
        self.outputAt = outputAt
    }
}

/// A terminal that a login speaks through, open and judged; nothing here waits for it.
public struct Terminal: ~Copyable {
    private let descriptor: OwnedDescriptor
    private let path: String
    public let device: DeviceNumber
    /// Who owns the device file.
    public let owner: UInt32

    private init(_ descriptor: consuming OwnedDescriptor, path: String, device: DeviceNumber, owner: UInt32) {
        self.descriptor = descriptor
        self.path = path
        self.device = device
        self.owner = owner
    }

    /// The terminals of a login: those whose master the login process holds (sshd's monitor keeps one for each channel
    /// with a terminal, and nobody else can put one there), and the one that controls it.
    ///
    /// - Parameter name: PAM_TTY, the only name of a terminal that is none of /dev/pts; believed if it is that terminal.
    public static func devices(
        of login: Int32, name: String? = nil
    ) throws(SystemError) -> [(device: DeviceNumber, path: String)] {
        var found: [(device: DeviceNumber, path: String)] = []
        let folder = "/proc/\(login)"
        for file in try Files.list("\(folder)/fd") {
            do throws(SystemError) {
                guard try isMaster("\(folder)/fd/\(file)") else { continue }
                let text = try Files.readKernelFile("\(folder)/fdinfo/\(file)", limit: 4096)
                guard let index = ProcessParser.terminalIndex(text.span) else { continue }
                let device = DeviceNumber(major: DeviceNumber.pseudoterminalMajor, minor: index)
                if !found.contains(where: { $0.device == device }) { found.append((device, "/dev/pts/\(index)")) }
            } catch let failure where failure.isNotFound {
                continue
            }
        }
        if let device = try Processes.stat(login).terminal, !found.contains(where: { $0.device == device }) {
            if device.major == DeviceNumber.pseudoterminalMajor {
                found.append((device, "/dev/pts/\(device.minor)"))
            } else if let name {
                found.append((device, name.hasPrefix("/dev/") ? name : "/dev/\(name)"))
            }
        }
        return found
    }

    /// The kernel shows a master by the path by which it was opened: /dev/ptmx or /dev/pts/ptmx.
    private static func isMaster(_ link: String) throws(SystemError) -> Bool {
        var target = [CChar](repeating: 0, count: 64)
        let length = try SystemCall.run("readlink \(link)") {
            // At most as many bytes as the array has are written; no NUL follows them.
            unsafe readlink(link, &target, 64)
        }
        return target[..<length].map { UInt8(bitPattern: $0) }.suffix(5).elementsEqual("/ptmx".utf8)
    }

    /// When it was last used; nil when the path is not this device (any more).
    public static func use(_ device: DeviceNumber, at path: String) throws(SystemError) -> TerminalUse? {
        var status = stat()
        do throws(SystemError) {
            // A NUL-terminated copy of the path and a local value that lstat fills.
            try SystemCall.run("stat \(path)") { unsafe lstat(path, &status) }
        } catch let failure where failure.isNotFound {
            return nil
        }
        guard status.st_mode & S_IFMT == S_IFCHR, DeviceNumber(status.st_rdev) == device else { return nil }
        return TerminalUse(
            terminal: device, inputAt: Int64(status.st_atim.tv_sec), outputAt: Int64(status.st_mtim.tv_sec))
    }

    /// Opens it for writing without becoming its session and without waiting for a carrier; nil when the path is not
    /// this device (any more).
    public static func open(_ device: DeviceNumber, at path: String) throws(SystemError) -> Terminal? {
        let stage = "open \(path)"
        do throws(SystemError) {
            let descriptor = try Descriptors.open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW, stage: stage)
            var status = stat()
            // `status` is a local value that fstat fills.
            try SystemCall.run(stage) { unsafe fstat(descriptor.rawValue, &status) }
            guard status.st_mode & S_IFMT == S_IFCHR, DeviceNumber(status.st_rdev) == device,
                isatty(descriptor.rawValue) == 1
            else { return nil }
            return Terminal(descriptor, path: path, device: device, owner: status.st_uid)
        } catch let failure where failure.isNotFound || failure.errno == EIO || failure.errno == ENXIO {
            // Its master has been closed.
            return nil
        }
    }

    /// Writes what the terminal takes at once; false when it did not take all of it (output stopped, or not read).
    public func show(_ text: String) throws(SystemError) -> Bool {
        let bytes = Array(text.utf8)
        do throws(SystemError) {
            let count = try SystemCall.run("write to \(path)") {
                // The pointer and the count are those of the array that the closure holds.
                unsafe bytes.withUnsafeBytes { unsafe write(descriptor.rawValue, $0.baseAddress, $0.count) }
            }
            return count == bytes.count
        } catch let failure where failure.errno == EAGAIN || failure.errno == EIO {
            return false
        }
    }
}
