internal import UsherSystem

extension Console {
    /// The process's own streams, clock and environment.
    static var standard: Console {
        let noColour = CurrentProcess.variable("NO_COLOR")
        let terminal = CurrentProcess.variable("TERM")
        return Console(
            write: { try StandardStreams.write($0) },
            notify: { StandardStreams.notify($0) },
            read: { try StandardStreams.read(limit: $0) },
            clock: Clock(now: SystemClock.realtimeSeconds(), offset: { LocalTime.offset(at: $0) }),
            style: Style(
                isTerminal: StandardStreams.outputIsTerminal, noColour: noColour, terminal: terminal),
            noticeStyle: Style(
                isTerminal: StandardStreams.errorIsTerminal, noColour: noColour, terminal: terminal))
    }
}
