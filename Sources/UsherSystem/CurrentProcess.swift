import CUsherLinux
import Glibc

/// What a program can ask about itself.
public enum CurrentProcess {
    public static var pid: Int32 { getpid() }
    public static var realUserID: UInt32 { getuid() }
    public static var effectiveUserID: UInt32 { geteuid() }
    public static var effectiveGroupID: UInt32 { getegid() }

    /// The arguments as they were given, argv[0] first: bytes that need not be UTF-8.
    public static var arguments: [[UInt8]] {
        (0..<Int(CommandLine.argc)).map { index in
            // argv holds argc NUL-terminated strings and is not changed.
            unsafe CommandLine.unsafeArgv[index].map { argument in unsafe bytes(argument) } ?? []
        }
    }

    /// The strings of the environment, `NAME=value`, as they are.
    public static var environment: [[UInt8]] {
        var strings: [[UInt8]] = []
        // environ(7): a null-terminated array of strings. Nothing in Usher changes the environment.
        var next = unsafe environ
        while let string = unsafe next.pointee {
            unsafe strings.append(bytes(string))
            unsafe next = next.advanced(by: 1)
        }
        return strings
    }

    /// A variable of the environment. The caller decides what the environment may be believed about.
    public static func variable(_ name: String) -> String? {
        // getenv's text is copied at once; nothing in Usher changes the environment.
        unsafe getenv(name).map { text in unsafe String(cString: text) }
    }

    /// What ps(1) and pgrep(1) call this process: at most 15 bytes.
    public static func setName(_ name: String) throws(SystemError) {
        try Files.writeKernelFile("/proc/self/comm", name)
    }

    /// Gives memory that is free, but still the allocator's, back to the kernel: glibc keeps what lies below the highest
    /// block in use, and one arena for each thread (malloc_trim(3)). Takes milliseconds.
    public static func returnFreeMemory() {
        usher_return_free_memory()
    }

    /// The host's own name, as `uname -n` tells it.
    public static var hostName: String {
        var name = [CChar](repeating: 0, count: 65)
        // HOST_NAME_MAX is 64; the last byte stays NUL.
        guard unsafe gethostname(&name, 64) == 0 else { return "" }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Ends this process at once.
    public static func exit(_ status: Int32) -> Never {
        Glibc.exit(status)
    }

    private static func bytes(_ string: UnsafePointer<CChar>) -> [UInt8] {
        // A C string: strlen bytes lie before its NUL.
        unsafe [UInt8](UnsafeRawBufferPointer(start: string, count: strlen(string)))
    }
}
