import CUsherLinux
import Glibc

/// A file that belongs to an account by its name, in a directory of root's or of a daemon's.
public enum NamedFile {
    public enum Outcome: Sendable, Equatable {
        case absent, removed
        /// It is there and does not go, for this reason.
        case left(String)
    }

    /// Removes the file, whoever owns it and whatever flags it has; a link is removed, not followed. What is not a
    /// file, and what the file system refuses, is left. After a power cut too it is gone.
    public static func remove(_ path: String) throws(SystemError) -> Outcome {
        let outcome = try attempt(path)
        if outcome == .removed {
            let parent = Files.split(path).directory
            let directory = try Files.openDirectory(parent, stage: "open directory \(parent)")
            try OwnedFiles.flush(directory.rawValue, stage: "fsync directory \(parent)")
        }
        return outcome
    }

    private static func attempt(_ path: String) throws(SystemError) -> Outcome {
        do throws(SystemError) {
            return try Files.remove(path) ? .removed : .absent
        } catch let failure where failure.errno == ENOTDIR {
            return .absent
        } catch let failure where failure.errno == EPERM {
            guard try unlock(path), try Files.remove(path) else { return .left(failure.message) }
            return .removed
        } catch let failure where failure.errno == EISDIR || failure.errno == EBUSY || failure.errno == EROFS {
            return .left(failure.message)
        }
    }

    private static func unlock(_ path: String) throws(SystemError) -> Bool {
        let file = try Descriptors.open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW, stage: "open \(path)")
        guard try FileStatus(of: file.rawValue, stage: "stat \(path)").kind == .regular else { return false }
        return usher_clear_file_flags(file.rawValue) > 0
    }
}
