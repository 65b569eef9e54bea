/// Why evidence did not leave the host: one line that says what, and where.
public struct ExportError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Stage: Sendable, Equatable {
        /// The file that says how far a receiver has come.
        case cursor
        /// The evidence log cannot be read.
        case log
        /// The evidence log is not whole: lines are missing, changed, or not those that were sent before.
        case evidence
        /// The receiver, or the way to it.
        case receiver
    }

    public var stage: Stage
    public var description: String
    /// Where the log goes on behind what is missing.
    var resume: LogPosition?

    public init(_ stage: Stage, _ description: String) {
        self.stage = stage
        self.description = description
    }

    init(_ stage: Stage, _ description: String, resume: LogPosition?) {
        self.init(stage, description)
        self.resume = resume
    }
}
