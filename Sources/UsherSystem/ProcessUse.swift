/// What a process has done since it began, in numbers that only grow: processor time, and bytes written and read from
/// storage, of it and of the children it has waited for (the kernel adds a child's to its parent's when it is reaped).
public struct ProcessUse: Equatable, Sendable {
    public var identity: ProcessIdentity
    /// Clock ticks, 1/100 s.
    public var processorTicks: UInt64
    /// Bytes given to write(2) and its like, whatever they went to; `wchar` of proc_pid_io(5). `rchar` is left out: a
    /// program that only shows the state of the host (`top`) reads /proc without end.
    public var written: UInt64
    /// Bytes that had to come from a disk; `read_bytes`.
    public var readFromStorage: UInt64

    public init(identity: ProcessIdentity, processorTicks: UInt64, written: UInt64, readFromStorage: UInt64) {
        self.identity = identity
        self.processorTicks = processorTicks
        self.written = written
        self.readFromStorage = readFromStorage
    }

    /// Of the processes in a group and below; where there is no such group, of those that descend from `login`.
    /// Processes that end meanwhile are left out.
    public static func of(_ group: ControlGroup, orDescendantsOf login: Int32) throws(SystemError) -> [ProcessUse] {
        var found: [ProcessUse] = []
        let pids = try group.exists ? group.processesInTree() : Processes.descendants(login)
        for pid in pids {
            do throws(SystemError) {
                let stat = try Processes.stat(pid)
                guard !stat.isZombie else { continue }
                let transfers = try Processes.transfers(pid)
                found.append(
                    ProcessUse(
                        identity: stat.identity, processorTicks: stat.processorTicks, written: transfers.written,
                        readFromStorage: transfers.readFromStorage))
            } catch let failure where failure.isNotFound {
                continue
            }
        }
        return found
    }
}
