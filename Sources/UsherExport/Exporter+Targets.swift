internal import UsherSystem

extension Exporter {
    /// To a syslog receiver. After a connection ended, as many bytes as `resendBytes` are sent again.
    public init(
        _ plan: Plan, toSyslog receiver: SyslogReceiver, by connector: any SyslogConnector, resendBytes: Int,
        _ surroundings: Surroundings
    ) {
        let target = SyslogTarget(
            receiver, by: connector, host: CurrentProcess.hostName, uncertainBytes: resendBytes)
        self.init(plan, to: target, surroundings)
    }

    /// To the journal that listens on the socket.
    public init(_ plan: Plan, toJournal socket: String, _ surroundings: Surroundings) {
        self.init(plan, to: JournalTarget(socket), surroundings)
    }

    /// To the end of a file, into a named pipe, or, with nil, to standard output; of one session or of all.
    public init(_ plan: Plan, toFile path: String?, session: String?, _ surroundings: Surroundings) {
        self.init(plan, to: FileTarget(path, session: session), surroundings)
    }
}
