internal import UsherEvidence
internal import UsherSystem
internal import UsherWire

/// Where the evidence log is, and who may read it.
struct EvidencePlace: Sendable {
    var directory = EvidenceFiles.directory
    var keyFile = "\(Paths.state)/evidence-key"
    /// The owner of everything; root but in tests.
    var uid: UInt32 = 0
    /// The group that may read the log: `usher-soc` where the host has it. nil for nobody besides the owner.
    var readers: UInt32?

    var directoryMode: UInt32 { readers == nil ? 0o700 : 0o750 }
    var fileMode: UInt32 { readers == nil ? 0o600 : 0o640 }
    var gid: UInt32 { readers ?? 0 }
    var current: String { path(EvidenceFiles.current) }

    func path(_ name: String) -> String { directory + "/" + name }

    static func host() throws(SystemError) -> EvidencePlace {
        EvidencePlace(readers: try Groups.gid(named: Authorization.observers))
    }
}
