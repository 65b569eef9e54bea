internal import CUsherNSS

// Views on bytes that somebody else owns: nothing in this module is copied to a heap.

extension usher_text {
    init(_ terminated: UnsafePointer<CChar>) {
        self.init(
            bytes: UnsafeRawPointer(terminated).assumingMemoryBound(to: UInt8.self), length: usher_length(terminated))
    }

    init(_ literal: StaticString) {
        self.init(bytes: literal.utf8Start, length: literal.utf8CodeUnitCount)
    }

    var buffer: UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: bytes, count: length)
    }

    func equals(_ other: usher_text) -> Bool {
        guard length == other.length else { return false }
        for index in 0..<length where bytes[index] != other.bytes[index] { return false }
        return true
    }
}

extension StaticString {
    /// A literal as C takes it: the compiler puts a NUL behind it.
    var terminated: UnsafePointer<CChar> {
        UnsafeRawPointer(utf8Start).assumingMemoryBound(to: CChar.self)
    }
}

/// The next item of a list whose items stand between commas, moving `position` behind it; nil at the end. An empty
/// list has no items; a comma at its end is followed by an empty one.
func nextItem(of list: Span<UInt8>, _ position: inout Int) -> Range<Int>? {
    guard position < list.count || (position > 0 && position == list.count) else { return nil }
    var end = position
    while end < list.count, list[end] != UInt8(ascii: ",") { end += 1 }
    defer { position = end + 1 }
    return position..<end
}

/// Gives the name of a file that `fill` writes to `use`. Of a constant size, because only then it is sure to be on
/// the stack.
func withFileName(
    _ fill: (UnsafeMutablePointer<CChar>) -> Void, use: (UnsafePointer<CChar>) -> usher_status
) -> usher_status {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(USHER_FILE_NAME_BYTES)) { name in
        guard let start = name.baseAddress else { return USHER_NONE }
        fill(start)
        return use(start)
    }
}
