import Synchronization
import UsherEvidence
import UsherStore
import UsherWire

@testable import UsherAgent

/// A session as attribution knows it.
func knownSession(
    _ id: String, uid: UInt32, ses: UInt32, kind: AccountKind = .ephemeral, account: String = "u-k3j7x2mag5",
    openedAt: Int64 = 1_000_000, closedAt: Int64? = nil
) -> KnownSession {
    var session = sampleSession()
    session.id = id
    session.auditSession = ses
    session.admission.kind = kind
    session.admission.uid = uid
    session.admission.account = account
    session.openedAt = openedAt / 1000
    session.closedAt = closedAt.map { $0 / 1000 }
    return KnownSession(session)
}

/// What a test says is known.
final class ScriptedKnowledge: SessionKnowledge {
    let all: [KnownSession]
    let cgroups: [Int32: String]
    private let taken = Mutex([UInt32: KnownSession]())

    init(_ all: [KnownSession], cgroups: [Int32: String] = [:]) {
        self.all = all
        self.cgroups = cgroups
    }

    func session(ses: UInt32) -> KnownSession? { all.first { $0.auditSession == ses } }

    func session(takenSES ses: UInt32) -> KnownSession? { taken.withLock { $0[ses] } }

    func note(ses: UInt32, of session: KnownSession) { taken.withLock { $0[ses] = session } }

    func session(ephemeralUID: UInt32, at time: Int64) -> KnownSession? {
        all.last { $0.kind == .ephemeral && $0.uid == ephemeralUID && $0.openedAt <= time + 120_000 }
    }

    func sessions(existingUID: UInt32, at time: Int64) -> [KnownSession] {
        all.filter {
            $0.kind == .existing && $0.uid == existingUID && $0.openedAt <= time && $0.closedAt ?? .max >= time
        }
    }

    func session(cgroupOf pid: Int32, at: Int64) -> KnownSession? {
        cgroups[pid].flatMap { id in all.first { $0.id == id } }
    }

    func sessions(from: Int64, to: Int64) -> [KnownSession] {
        all.filter { $0.openedAt <= to && $0.closedAt ?? .max >= from }
    }

    func settle(_ events: [AuditEvent]) async {}
}

/// Keeps what is written; fails as often as it is told to.
final class ListSink: EvidenceSink {
    struct Full: Error {}

    private let state = Mutex((records: [EvidenceRecord](), failures: 0))

    var records: [EvidenceRecord] { state.withLock { $0.records } }

    func fail(_ times: Int) { state.withLock { $0.failures = times } }

    func append(_ records: [EvidenceRecord]) async throws {
        let isFull = state.withLock { state in
            if state.failures > 0 {
                state.failures -= 1
                return true
            }
            state.records += records
            return false
        }
        if isFull { throw Full() }
    }

    func note(_ record: EvidenceRecord) { state.withLock { $0.records.append(record) } }
}

/// Keeps what it sees.
final class ListWatch: EvidenceWatch {
    private let seen = Mutex([EvidenceRecord]())

    var records: [EvidenceRecord] { seen.withLock { $0 } }

    func look(_ records: [EvidenceRecord]) { seen.withLock { $0 += records } }
}

/// An event of a process; time in milliseconds.
func event(
    _ type: String = "SYSCALL", serial: UInt64 = 1, at time: Int64 = 2_000_000, auid: UInt32? = nil,
    ses: UInt32? = nil, uid: UInt32? = nil, pid: Int32 = 77, executable: String = "/usr/bin/id",
    fields: [(String, String)] = []
) -> AuditEvent {
    var event = AuditEvent(stamp: .init(milliseconds: time, serial: serial), type: type)
    var process = AuditEvent.Process(pid: pid, name: Array("id".utf8), executable: Array(executable.utf8))
    process.auid = auid
    process.ses = ses
    process.uid = uid
    process.effectiveUID = uid
    event.process = process
    event.fields = fields.map { AuditEvent.Field(name: $0.0, value: Array($0.1.utf8)) }
    return event
}

/// An exec that succeeded.
func exec(_ arguments: [String], serial: UInt64 = 1, auid: UInt32? = nil, ses: UInt32? = nil, uid: UInt32? = nil)
    -> AuditEvent
{
    var event = event(serial: serial, auid: auid, ses: ses, uid: uid)
    event.systemCall = .init(name: "execve", succeeded: true, exit: 0)
    event.command = .init(arguments: arguments.map { Array($0.utf8) })
    event.workingDirectory = Array("/srv".utf8)
    return event
}

extension JSONObject {
    /// A value at a path of names; nil where there is none.
    func at(_ path: String...) -> JSONValue? {
        var value: JSONValue? = .object(self)
        for name in path {
            guard case .object(let object)? = value else { return nil }
            value = object.members.first { $0.name == Array(name.utf8) }?.value
        }
        return value
    }

    func text(_ path: String...) -> String? {
        var value: JSONValue? = .object(self)
        for name in path {
            guard case .object(let object)? = value else { return nil }
            value = object.members.first { $0.name == Array(name.utf8) }?.value
        }
        guard case .string(let bytes)? = value else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }
}
