public import UsherConfig
public import UsherEvidence
public import UsherPolicy
public import UsherSystem
internal import UsherWire

/// What stands in `/etc/usher`, read and checked together, right or wrong.
public struct HostFilesReport: Sendable {
    /// Nil when the file is missing or wrong; a diagnostic says which.
    public private(set) var hostID: String?
    /// Nil when the file is wrong. Without a file it holds the defaults.
    public private(set) var configuration: AgentConfiguration?
    public private(set) var trust: [TrustFile] = []
    public private(set) var roles: [RoleFile] = []
    public private(set) var detection: [DetectionFile] = []
    /// Every mistake and warning, file by file.
    public private(set) var diagnostics: [Diagnostic] = []

    /// The longest file that is read.
    private static let longest = 65_536

    /// What each file that was read held, by its digest, in the order of reading.
    public private(set) var files: [(file: String, digest: LineHash)] = []

    private let directory: String
    private let rules: FileRules

    /// Reads the configuration file, and `host-id`, `trust.d`, `roles.d` and `detect.d` beside it. Never throws: a file that
    /// cannot be read, or that anybody but root could have written, is a diagnostic.
    ///
    /// - Parameter rules: who may own the files; root alone on a host.
    public init(configurationPath: String = HostFiles.configurationPath, rules: FileRules = .rootOnly) {
        let slash = configurationPath.lastIndex(of: "/")
        directory = slash.map { String(configurationPath[..<$0]) } ?? "."
        self.rules = rules
        readConfiguration(configurationPath)
        readHostID()
        trust = entries("trust.d") { file, text throws(ConfigurationError) in
            try TrustFile.parse(file: file, text: text)
        }
        roles = entries("roles.d") { file, text throws(ConfigurationError) in
            try RoleFile.parse(file: file, text: text)
        }
        detection = entries("detect.d") { file, text throws(ConfigurationError) in
            try DetectionFile.parse(file: file, text: text)
        }
        diagnostics += CrossCheck.diagnostics(roles: roles, trust: trust, detection: detection)
    }

    public var errors: [Diagnostic] { diagnostics.filter { $0.severity == .error } }

    private mutating func readConfiguration(_ path: String) {
        let text = (try? Files.status(path)) == .some(nil) ? "" : text(of: path)
        guard let text else { return }
        do {
            configuration = try AgentConfiguration.parse(file: path, text: text)
        } catch {
            diagnostics += error.diagnostics
        }
    }

    private mutating func readHostID() {
        let path = directory + "/host-id"
        guard (try? Files.status(path)) != .some(nil) else {
            return report(path, "there is none: `usher host enrol` makes it")
        }
        guard let text = text(of: path) else { return }
        hostID = HostID.parse(text)
        if hostID == nil { report(path, "not one line of h- and 16 base32 characters") }
    }

    /// The entries of a directory, by name; other files than `*.toml` are not its business.
    private mutating func entries<Entry>(
        _ name: String, _ parse: (String, String) throws(ConfigurationError) -> Entry
    ) -> [Entry] {
        let folder = directory + "/" + name
        var entries: [Entry] = []
        do throws(SystemError) {
            guard try Files.status(folder) != nil else { return [] }
            for file in try Files.list(folder) where file.hasSuffix(".toml") && !file.hasPrefix(".") {
                let path = folder + "/" + file
                guard let text = text(of: path) else { continue }
                do {
                    entries.append(try parse(path, text))
                } catch {
                    diagnostics += error.diagnostics
                }
            }
        } catch {
            report(folder, error.message)
        }
        return entries
    }

    private mutating func text(of path: String) -> String? {
        do throws(SystemError) {
            let bytes = try Files.read(path, limit: Self.longest, rules: rules)
            files.append((path, LineHash(of: bytes)))
            guard let text = String(validating: bytes, as: UTF8.self) else {
                report(path, "not UTF-8")
                return nil
            }
            return text
        } catch {
            report(path, error.message)
            return nil
        }
    }

    private mutating func report(_ file: String, _ message: String) {
        diagnostics.append(
            Diagnostic(severity: .error, file: file, line: 0, column: 0, message: message, quotedLine: ""))
    }
}

/// What stands in `/etc/usher` when nothing in it is wrong.
public struct HostFiles: Sendable {
    public static let configurationPath = "/etc/usher/usherd.toml"

    public let hostID: String
    public let configuration: AgentConfiguration
    public let trust: [TrustEntry]
    /// By name.
    public let roles: [String: Role]
    /// In the order of their names.
    public let detection: [DetectionRule]
    /// What is suspicious without being wrong.
    public let warnings: [Diagnostic]
    /// What each file held, by its digest.
    public let files: [(file: String, digest: LineHash)]

    /// Throws every mistake of the report; one is enough for none of the files to be used.
    public init(_ report: HostFilesReport) throws(ConfigurationError) {
        guard report.errors.isEmpty, let hostID = report.hostID, let configuration = report.configuration else {
            throw ConfigurationError(diagnostics: report.errors)
        }
        self.hostID = hostID
        self.configuration = configuration
        trust = report.trust.map(\.entry)
        roles = Dictionary(report.roles.map { ($0.role.name, $0.role) }, uniquingKeysWith: { first, _ in first })
        detection = report.detection.map(\.rule)
        files = report.files
        warnings = report.diagnostics.filter { $0.severity == .warning }
    }
}

/// The id that tickets name as their audience: `h-` and 16 base32 characters, on one line of `/etc/usher/host-id`.
public enum HostID {
    /// The id of the file's text; nil when it is anything but one id and a line feed.
    public static func parse(_ text: String) -> String? {
        let id = text.hasSuffix("\n") ? String(text.dropLast()) : text
        let bytes = Array(id.utf8)
        guard bytes.count == 18, bytes.starts(with: "h-".utf8),
            bytes.dropFirst(2).allSatisfy({ Base32.value($0) != nil })
        else { return nil }
        return id
    }

    /// An id from ten random bytes.
    public static func make(random: [UInt8]) -> String {
        "h-" + String(decoding: Base32.encode(random, characters: 16), as: UTF8.self)
    }
}
