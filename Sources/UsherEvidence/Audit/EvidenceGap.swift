/// An interval in which evidence may be missing.
public struct EvidenceGap: Sendable, Equatable {
    /// The closed list.
    public enum Cause: String, Sendable, CaseIterable {
        /// The plugin had to let events go: its bound was reached, or the agent did not take them in time.
        case pluginDropped = "plugin dropped events"
        case pluginDown = "plugin down"
        case auditdDown = "auditd down"
        case agentDown = "agent down"
        /// The kernel's `lost` counter moved; a queue that is full shows here too.
        case kernelLost = "kernel lost records"
        case rulesChanged = "audit rules changed"
        /// `auditctl -e 0`.
        case auditDisabled = "audit disabled"
        case clockChanged = "clock changed"
        case streamMalformed = "stream malformed"
    }

    /// Milliseconds since 1970-01-01 UTC.
    public var from: Int64
    /// Milliseconds since 1970-01-01 UTC.
    public var to: Int64
    public var cause: Cause
    /// How many records or events; nil when nobody counted.
    public var lost: Int?
    /// One line for people.
    public var detail: String

    public init(from: Int64, to: Int64, cause: Cause, lost: Int? = nil, detail: String = "") {
        self.from = from
        self.to = to
        self.cause = cause
        self.lost = lost
        self.detail = detail
    }
}
