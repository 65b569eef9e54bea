internal import CAuparse
internal import Synchronization

/// Reads the records of one event through libauparse's feed interface.
///
/// Not Sendable: libauparse keeps state in a session and its callback writes here.
@safe final class EventParser {
    /// Bounds of what one event may become; more is counted in `AuditEvent.records` and marked.
    static let arguments = 4096
    static let paths = 128
    static let fields = 256

    /// One session at a time: all share the list of interpretations and the caches of names (static in 3.0.9's
    /// interpret.c), and destroying one empties them under the others.
    private static let library = Mutex(())

    private let session: OpaquePointer
    private var builder: EventBuilder?
    private var interpreter = SystemCallNames()

    /// nil when there is no memory for it.
    init?() {
        guard let session = unsafe Self.library.withLock({ _ in unsafe auparse_init(AUSOURCE_FEED, nil) }) else {
            return nil
        }
        unsafe self.session = session
        // The callback runs within auparse_feed and auparse_flush_feed only, which this object calls.
        let context = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe auparse_add_callback(
            session,
            { _, _, context in
                guard let context = unsafe context else { return }
                unsafe Unmanaged<EventParser>.fromOpaque(context).takeUnretainedValue().eventReady()
            }, context, nil)
    }

    deinit {
        Self.library.withLock { _ in unsafe auparse_destroy(session) }
    }

    /// The event, and how many of its records libauparse did not take for such.
    func parse(_ raw: RawEvent) -> (event: AuditEvent, unread: Int) {
        var builder = EventBuilder(raw.stamp)
        builder.command.isCut = raw.isCut
        self.builder = builder
        Self.library.withLock { _ in
            // The bytes are those of the array for the call; libauparse copies them.
            unsafe raw.lines.withUnsafeBytes { bytes in
                _ = unsafe auparse_feed(session, bytes.baseAddress, bytes.count)
            }
            unsafe auparse_flush_feed(session)
        }
        var event = AuditEvent(stamp: raw.stamp, type: "UNKNOWN", records: raw.records)
        var read = 0
        if let finished = self.builder {
            read = finished.records
            finished.finish(&event)
        }
        self.builder = nil
        let kept = raw.lines.lazy.filter { $0 == UInt8(ascii: "\n") }.count
        return (event, max(kept - read, 0))
    }

    /// libauparse has an event; it may take one of ours for several that share the stamp.
    private func eventReady() {
        // Only one at a time, and moved out and back: the builder is changed in place.
        guard var builder = builder.take() else { return }
        defer { self.builder = builder }
        guard unsafe auparse_first_record(session) > 0 else { return }
        repeat {
            let type = unsafe auparse_get_type(session)
            builder.begin(type) { unsafe CText(auparse_get_type_name(session)).string }
            guard unsafe auparse_first_field(session) > 0 else { continue }
            repeat {
                let name = unsafe CText(auparse_get_field_name(session))
                let text = unsafe CText(auparse_get_field_str(session))
                if type == EventBuilder.systemCallType, unsafe name == "syscall" {
                    unsafe builder.nameSystemCall(interpreter.name(session, number: text, machine: builder.machine))
                    continue
                }
                unsafe builder.add(name, FieldValue(text: text, kind: auparse_get_field_type(session)))
            } while unsafe auparse_next_field(session) > 0
        } while unsafe auparse_next_record(session) > 0
    }
}

/// libauparse searches its tables for each name; there are few that come again and again.
private struct SystemCallNames {
    private var known: [UInt64: String] = [:]

    mutating func name(_ session: OpaquePointer, number text: CText, machine: UInt32) -> String {
        let number = unsafe text.decimal.flatMap { UInt32(exactly: $0) }
        if let number, let name = known[UInt64(machine) << 32 | UInt64(number)] { return name }
        let found = unsafe CText(auparse_interpret_field(session)).string
        let isName = found.utf8.allSatisfy { ($0 >= 0x61 && $0 <= 0x7A) || ($0 >= 0x30 && $0 <= 0x39) || $0 == 0x5F }
        let name = unsafe isName && found != text.string ? found : "#\(text.string.prefix(20))"
        // Machines and calls are few; a forged stream does not make it grow.
        if let number, known.count < 4096 { known[UInt64(machine) << 32 | UInt64(number)] = name }
        return name
    }
}
