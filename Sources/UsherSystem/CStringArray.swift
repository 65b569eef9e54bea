import Glibc

/// A null-terminated array of NUL-terminated strings, as execve(2) takes them. Safe to use although it holds
/// pointers: they are made in init, freed in deinit and lent to one call at a time.
@safe struct CStringArray: ~Copyable {
    private var pointers: [UnsafeMutablePointer<CChar>?]

    /// Copies the strings. An error when one contains a NUL byte, which would cut it.
    init(_ strings: [[UInt8]], stage: String) throws(SystemError) {
        for string in strings where string.contains(0) {
            throw SystemError(stage, refused: "an argument contains a NUL byte")
        }
        unsafe pointers = strings.map { string in
            let copy = UnsafeMutablePointer<CChar>.allocate(capacity: string.count + 1)
            // `copy` has room for the bytes and the NUL.
            for (index, byte) in string.enumerated() { unsafe copy[index] = CChar(bitPattern: byte) }
            unsafe copy[string.count] = 0
            return unsafe copy
        }
        unsafe pointers.append(nil)
    }

    deinit {
        unsafe pointers.forEach { pointer in unsafe pointer?.deallocate() }
    }

    borrowing func withPointers<Result>(
        _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
    ) -> Result {
        unsafe body(pointers)
    }
}

/// Replacing this process by a program.
public enum Execution {
    /// execve(2): returns only with an error. `arguments` begins with argv[0].
    public static func replace(
        _ program: String, arguments: [[UInt8]], environment: [[UInt8]]
    ) throws(SystemError) -> Never {
        let stage = "exec \(program)"
        guard !program.utf8.contains(0) else { throw SystemError(stage, refused: "the path contains a NUL byte") }
        let argumentList = try CStringArray(arguments, stage: stage)
        let environmentList = try CStringArray(environment, stage: stage)
        // Both lists end with a null pointer and outlive the call.
        _ = unsafe argumentList.withPointers { arguments in
            unsafe environmentList.withPointers { environment in unsafe execve(program, arguments, environment) }
        }
        throw SystemError(stage, errno: SystemCall.lastError)
    }
}
