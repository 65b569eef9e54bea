import CUsherLinux
import Glibc

/// The POSIX message queues of this IPC namespace, which are files only where somebody has mounted them: a mount of
/// our own shows them, which stands nowhere in the tree.
public struct MessageQueues: ~Copyable, Sendable {
    private let root: OwnedDescriptor
    private static let path = "mqueue:"
    private static let kind = "posix-message-queue"

    /// Nil on a kernel without them.
    public init?() throws(SystemError) {
        do throws(SystemError) {
            root = OwnedDescriptor(owning: try SystemCall.run("mount mqueue") { usher_mount_mqueue() })
        } catch let failure where failure.errno == ENODEV {
            return nil
        }
    }

    /// Those of `uids` that own a queue.
    public func owners(among uids: Set<UInt32>) throws(SystemError) -> Set<UInt32> {
        try OwnedFiles.owners(in: root, stage: "list message queues", among: uids)
    }

    /// Removes the queues of a uid.
    public func removal(of uid: UInt32) throws(SystemError) -> OwnedFileRemoval {
        let copy = try Descriptors.open(".", O_RDONLY | O_DIRECTORY, in: root.rawValue, stage: "list message queues")
        return try OwnedFileRemoval(of: uid, in: copy, path: Self.path, kind: Self.kind)
    }
}
