#if !hasFeature(Embedded)
    import UsherWire
#endif

/// `Login` of io.usher.Agent: the facts of a login as PAM knows them.
struct LoginFacts {
    private var user: [UInt8]
    private var service: [UInt8]
    private(set) var terminal: [UInt8]?
    private(set) var remoteHost: [UInt8]?
    private var remoteUser: [UInt8]?

    /// An item that cannot be told to the agent as it is. The login is refused then: a shortened or altered name
    /// would be another name.
    enum Problem: Error, Equatable {
        case missing(PAMItem)
        case tooLong(PAMItem)
        case notPrintable(PAMItem)
    }

    init(of host: some PAMHost) throws(Problem) {
        user = try Self.required(.user, of: host)
        service = try Self.required(.service, of: host)
        terminal = try Self.optional(.terminal, of: host)
        remoteHost = try Self.optional(.remoteHost, of: host)
        remoteUser = try Self.optional(.remoteUser, of: host)
    }

    /// Writes the member `login`.
    func write(to writer: inout JSONWriter<some ByteSink>) {
        writer.name("login")
        writer.beginObject()
        writer.name("user")
        writer.string(user.span)
        writer.name("service")
        writer.string(service.span)
        writer.member("terminal", terminal)
        writer.member("remoteHost", remoteHost)
        writer.member("remoteUser", remoteUser)
        writer.endObject()
    }

    private static func required(_ item: PAMItem, of host: some PAMHost) throws(Problem) -> [UInt8] {
        guard let bytes = try optional(item, of: host) else { throw .missing(item) }
        return bytes
    }

    /// An empty item is none: applications set PAM_RHOST to "" for a local login.
    private static func optional(_ item: PAMItem, of host: some PAMHost) throws(Problem) -> [UInt8]? {
        guard let bytes = host.item(item), !bytes.isEmpty else { return nil }
        guard bytes.count <= Limits.itemBytes else { throw .tooLong(item) }
        guard bytes.isPrintableASCII else { throw .notPrintable(item) }
        return bytes
    }
}

extension JSONWriter {
    /// A string member that is left out when there is none.
    mutating func member(_ name: StaticString, _ value: [UInt8]?) {
        guard let value else { return }
        self.name(name)
        string(value.span)
    }
}
