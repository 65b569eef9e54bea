internal import UsherClient
internal import UsherSystem
internal import UsherWire

/// Waits for what the agent does to the file systems.
enum ResidueProgress {
    private static let interval = 200

    /// Returns once the job is done; tells on a terminal how far it is.
    static func wait(_ number: Int64, _ client: ControlClient, _ console: Console) throws -> ControlResidueJob {
        let isTerminal = console.noticeStyle.isTerminal
        while true {
            let job = try client.residueJob(number)
            // ECMA-48 "erase in line": what a shorter line would leave of a longer one.
            if isTerminal { console.notify("\r\u{1B}[K") }
            switch job.state {
            case .running:
                if isTerminal { console.notify("\(job.entries) entries, in \(Printable.line(job.place))") }
                SystemClock.sleep(milliseconds: interval)
            case .done: return job
            case .failed:
                let reason = job.problems.first ?? "no reason given"
                throw Failure("the session agent could not do it: \(Printable.line(reason))")
            }
        }
    }

    /// The end of an adoption or removal: a failure when the uid is not free after it.
    static func settle(
        _ number: Int64, uid: UInt32, _ verb: String, _ output: OutputOptions, _ client: ControlClient,
        _ console: Console
    ) throws {
        let job = try wait(number, client, console)
        let left = try client.residue(uid: uid).filter { $0.cause == .files }
        if output.json {
            try console.write(
                JSONText.line(
                    .record([
                        "uid": .number(uid), "handled": .integer(job.handled), "complete": .boolean(job.complete),
                        "left": .integer(left.first?.found ?? 0),
                    ])))
        } else {
            try console.print("\(job.handled) \(verb)\n")
        }
        for problem in job.problems { console.notify("usher: not seen: \(Printable.line(problem))\n") }
        guard left.isEmpty else {
            throw Failure("uid \(uid) stays in quarantine: see usher residue list --uid \(uid)")
        }
    }
}
