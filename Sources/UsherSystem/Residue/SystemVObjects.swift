import CUsherLinux
import Glibc

/// Shared memory, semaphores and message queues of System V; see sysvipc(7) and proc_sysvipc(5).
public struct SystemVObject: Sendable, Equatable {
    public enum Kind: String, Sendable, CaseIterable {
        case sharedMemory = "shared-memory"
        case semaphore
        case messageQueue = "message-queue"

        fileprivate var file: String {
            switch self {
            case .sharedMemory: "shm"
            case .semaphore: "sem"
            case .messageQueue: "msg"
            }
        }

        fileprivate var columns: (id: String, owner: String, creator: String) {
            switch self {
            case .sharedMemory: ("shmid", "uid", "cuid")
            case .semaphore: ("semid", "uid", "cuid")
            case .messageQueue: ("msqid", "uid", "cuid")
            }
        }
    }

    public var kind: Kind
    public var id: Int32
    public var owner: UInt32
    public var creator: UInt32

    /// Belongs to the uid, or was made by it.
    public func belongs(to uid: UInt32) -> Bool { owner == uid || creator == uid }

    /// All objects of this IPC namespace.
    public static func all() throws(SystemError) -> [SystemVObject] {
        var objects: [SystemVObject] = []
        for kind in Kind.allCases {
            let path = "/proc/sysvipc/\(kind.file)"
            do throws(SystemError) {
                let bytes = try Files.readKernelFile(path, limit: 64 << 20)
                guard let found = parse(bytes, kind) else {
                    throw SystemError("read \(path)", refused: "not in the form that proc(5) describes")
                }
                objects += found
            } catch let failure where failure.errno == ENOENT {
                // A kernel without System V IPC.
                continue
            }
        }
        return objects
    }

    /// The table under a line that names its columns; nil when it is none.
    static func parse(_ bytes: [UInt8], _ kind: Kind) -> [SystemVObject]? {
        let lines = bytes.split(separator: UInt8(ascii: "\n"))
        guard let first = lines.first else { return nil }
        let names = words(first)
        guard let id = names.firstIndex(of: kind.columns.id), let owner = names.firstIndex(of: kind.columns.owner),
            let creator = names.firstIndex(of: kind.columns.creator)
        else { return nil }
        var objects: [SystemVObject] = []
        for line in lines.dropFirst() {
            let values = words(line)
            guard values.count == names.count, let id = Int32(values[id]), let owner = UInt32(values[owner]),
                let creator = UInt32(values[creator])
            else { return nil }
            objects.append(SystemVObject(kind: kind, id: id, owner: owner, creator: creator))
        }
        return objects
    }

    /// Removes it; false when it is gone already. Shared memory that a process is attached to goes with its last.
    @discardableResult
    public func remove() throws(SystemError) -> Bool {
        do throws(SystemError) {
            try SystemCall.run("remove \(kind.rawValue) \(id)") {
                switch kind {
                case .sharedMemory: usher_remove_shared_memory(id)
                case .semaphore: usher_remove_semaphores(id)
                case .messageQueue: usher_remove_message_queue(id)
                }
            }
            return true
        } catch let failure where failure.errno == EINVAL || failure.errno == EIDRM {
            return false
        }
    }

    private static func words(_ line: ArraySlice<UInt8>) -> [String] {
        line.split { $0 == 0x20 || $0 == 0x09 }.map { word in String(decoding: word, as: UTF8.self) }
    }
}
