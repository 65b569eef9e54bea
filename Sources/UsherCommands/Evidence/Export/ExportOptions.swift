internal import ArgumentParser
internal import UsherExport
internal import UsherSystem

/// What every export takes.
struct ExportOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The directory of the evidence log.", valueName: "directory"))
    var log = "/var/log/usher"

    @Option(
        help: ArgumentHelp(
            "Where to keep how far the receiver has come; without it each run begins at the first line.",
            valueName: "file"))
    var cursor: String?

    @Option(
        help: ArgumentHelp(
            "Begin with this line, whatever the cursor says; the cursor goes on from there.", valueName: "sequence"))
    var from: Int64?

    @Flag(help: "Go on with lines that are still to be written, and try again when something fails.")
    var follow = false

    @Flag(help: "Tell what is missing or changed in the log and go on behind it; the receiver sees it by the numbers.")
    var overGaps = false

    func validate() throws {
        guard from.map({ $0 >= 1 }) ?? true else { throw ValidationError("--from must be 1 or higher") }
    }

    var plan: Exporter.Plan {
        Exporter.Plan(directory: log, cursor: cursor, from: from, follow: follow, overGaps: overGaps)
    }

    /// - Parameter holdsSignals: the export ends in order on SIGTERM and SIGINT; otherwise they end the process, which
    ///   loses nothing, as lines behind the cursor are sent again.
    func surroundings(_ console: Console, holdsSignals: Bool = false) -> Exporter.Surroundings {
        if holdsSignals { StopSignals.hold() }
        return Exporter.Surroundings(
            notify: { console.notify("usher: \(Printable.line($0))\n") },
            pause: { milliseconds in
                if holdsSignals { return StopSignals.wait(milliseconds: milliseconds) }
                if milliseconds > 0 { SystemClock.sleep(milliseconds: milliseconds) }
                return false
            })
    }
}

extension Failure {
    init(_ error: ExportError) {
        self.init(Printable.line(error.description), status: error.stage == .evidence ? .refused : .failure)
    }
}
