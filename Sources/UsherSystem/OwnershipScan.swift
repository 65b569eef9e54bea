import CUsherLinux
import Glibc
import Synchronization

/// A file, directory, link or other entry whose owner or group is in the range that a scan looks for.
public struct OwnedEntry: Sendable, Equatable {
    /// `file`, `directory`, `link`, `socket` or `special`.
    public var kind: String
    /// Bytes that are not UTF-8 are replaced.
    public var path: String
    public var uid: UInt32
    public var gid: UInt32
}

/// What a scan does with an entry.
public enum OwnershipAction: Sendable, Equatable {
    case leave
    /// Owner and group, where they are the first number, become the others. Set-id bits go.
    case give(from: UInt32, uid: UInt32, gid: UInt32)
    /// An entry that the uid owns is removed, a directory once it is empty; a group of that number becomes root's.
    case remove(UInt32)
}

/// Walks file systems for entries that belong to a range of uids and gids, in one pass however many there are. Below
/// its places it follows no link and enters no mount, and it acts on what it has opened, never on a path again.
///
/// What it cannot see: what lies under a mount point, open files without a name, and ACL entries that name a uid.
public final class OwnershipScan: Sendable {
    /// What a finished scan can say.
    public struct Outcome: Sendable, Equatable {
        public var entries = 0
        /// Everything below the places was seen: nothing was cancelled, unreadable or nested too deep.
        public var isComplete = true
        /// The first reasons why not.
        public var problems: [String] = []
    }

    /// Directories inside each other: so many are open at once.
    private static let depth = 512

    private struct State {
        var entries = 0
        var place = ""
        var isCancelled = false
    }

    private let places: [Mounts.LocalPlace]
    private let range: ClosedRange<UInt32>
    private let excluded: Set<String>
    private let entriesPerSecond: Int?
    private let state = Mutex(State())

    /// - Parameters:
    ///   - excluded: directories that are not entered.
    ///   - entriesPerSecond: at most so many; nil for as fast as it goes.
    public init(
        places: [Mounts.LocalPlace], range: ClosedRange<UInt32>, excluding excluded: [String] = [],
        entriesPerSecond: Int? = nil
    ) {
        self.places = places
        self.range = range
        self.excluded = Set(excluded)
        self.entriesPerSecond = entriesPerSecond
    }

    /// How many entries it has looked at, and the place where it is.
    public var progress: (entries: Int, place: String) { state.withLock { ($0.entries, $0.place) } }

    /// Makes `run` return soon.
    public func cancel() { state.withLock { $0.isCancelled = true } }

    /// Walks all places; blocks this thread.
    ///
    /// - Parameters:
    ///   - judge: what to do with an entry of the range.
    ///   - done: after an action, with the reason when it failed.
    public func run(
        _ judge: @escaping (OwnedEntry) -> OwnershipAction,
        _ done: @escaping (OwnedEntry, SystemError?) -> Void = { _, _ in }
    ) -> Outcome {
        var walk = OwnershipWalk(range: range, excluded: excluded, depth: Self.depth, judge: judge, done: done)
        let start = SystemClock.monotonicNanoseconds()
        for place in places {
            state.withLock { $0.place = place.path }
            do throws(SystemError) {
                try walk.begin(place)
            } catch {
                walk.report(error)
                continue
            }
            while walk.proceed(256) {
                guard pause(walk.outcome.entries, since: start) else {
                    walk.outcome.isComplete = false
                    return walk.outcome
                }
            }
        }
        _ = pause(walk.outcome.entries, since: nil)
        return walk.outcome
    }

    /// Tells how far the walk is and keeps it from going too fast; false when it is to stop.
    private func pause(_ entries: Int, since start: Int64?) -> Bool {
        let goesOn = state.withLock { state in
            state.entries = entries
            return !state.isCancelled
        }
        guard let entriesPerSecond, let start else { return goesOn }
        let due = start + Int64(entries) * 1_000_000_000 / Int64(entriesPerSecond)
        let early = (due - SystemClock.monotonicNanoseconds()) / 1_000_000
        if early > 0 { SystemClock.sleep(milliseconds: Int(min(early, 1000))) }
        return goesOn
    }

    /// A directory of an administrator's choice as a place, with what is below it on the same mount.
    public static func place(_ path: String) throws(SystemError) -> Mounts.LocalPlace {
        try OwnershipWalk.place(path)
    }

    /// Lets the calling thread run only when nobody else wants to, on processors and disks.
    public static func becomeIdle() throws(SystemError) {
        try SystemCall.run("lower the thread's priority") { usher_become_idle() }
    }
}

/// A directory that the walk is in.
private final class WalkFrame {
    let descriptor: OwnedDescriptor
    var stream: DirectoryStream
    let path: String
    /// To be removed from the directory above once it is empty.
    let removal: (name: [CChar], entry: OwnedEntry)?

    init(
        _ descriptor: consuming OwnedDescriptor, path: String, removal: (name: [CChar], entry: OwnedEntry)?
    ) throws(SystemError) {
        stream = try DirectoryStream.open(descriptor, stage: "list \(path)")
        self.descriptor = descriptor
        self.path = path
        self.removal = removal
    }
}

/// The state of a walk: the directories from a place to where it is.
private struct OwnershipWalk {
    let range: ClosedRange<UInt32>
    let excluded: Set<String>
    let depth: Int
    let judge: (OwnedEntry) -> OwnershipAction
    let done: (OwnedEntry, SystemError?) -> Void
    var outcome = OwnershipScan.Outcome()
    private var frames: [WalkFrame] = []

    init(
        range: ClosedRange<UInt32>, excluded: Set<String>, depth: Int, judge: @escaping (OwnedEntry) -> OwnershipAction,
        done: @escaping (OwnedEntry, SystemError?) -> Void
    ) {
        self.range = range
        self.excluded = excluded
        self.depth = depth
        self.judge = judge
        self.done = done
    }

    mutating func report(_ problem: SystemError) {
        outcome.isComplete = false
        if outcome.problems.count < 10 { outcome.problems.append(problem.description) }
    }

    /// The directory of an administrator's choice as a place.
    static func place(_ path: String) throws(SystemError) -> Mounts.LocalPlace {
        let descriptor = try Descriptors.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, stage: "open \(path)")
        guard let mountID = try mountID(descriptor.rawValue) else {
            throw SystemError("open \(path)", refused: "the kernel does not tell its mount")
        }
        return Mounts.LocalPlace(path: path, mountID: mountID)
    }

    /// Opens a place. One that is hidden by a later mount, or gone, is not walked.
    mutating func begin(_ place: Mounts.LocalPlace) throws(SystemError) {
        let descriptor: OwnedDescriptor
        do throws(SystemError) {
            descriptor = try Descriptors.open(
                place.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, stage: "open \(place.path)")
        } catch let failure where failure.isNotFound || failure.errno == ENOTDIR {
            // A file can be a mount point: its owner is told where the file itself lies.
            return
        }
        guard try Self.mountID(descriptor.rawValue) == place.mountID else { return }
        frames = [try WalkFrame(descriptor, path: place.path == "/" ? "" : place.path, removal: nil)]
    }

    private static func mountID(_ descriptor: Int32) throws(SystemError) -> Int? {
        let text = try Files.readKernelFile("/proc/self/fdinfo/\(descriptor)", limit: 65536)
        for line in String(decoding: text, as: UTF8.self).split(separator: "\n") where line.hasPrefix("mnt_id:") {
            return Int(line.dropFirst(7).drop { $0 == "\t" || $0 == " " })
        }
        return nil
    }

    /// Looks at so many names; false when the place is done.
    mutating func proceed(_ names: Int) -> Bool {
        for _ in 0..<names {
            guard let frame = frames.last else { return false }
            do throws(SystemError) {
                guard let next = try frame.next(range) else {
                    frames.removeLast()
                    if let removal = frame.removal, let above = frames.last { removeDirectory(removal, in: above) }
                    continue
                }
                if case .nothing = next { continue }
                outcome.entries += 1
                switch next {
                case .entry(let name, let status): try visit(name, status, in: frame)
                case .unreadable(let code): throw SystemError("look at an entry of \(frame.path)", errno: code)
                case .nothing, .other: break
                }
            } catch let failure where failure.isNotFound || [EXDEV, ELOOP, ENOTDIR].contains(failure.errno) {
                // Removed or replaced meanwhile, or another mount.
                continue
            } catch {
                // A directory whose names cannot be read on would give the same error for ever.
                if error.stage == "list \(frame.path)" { frames.removeLast() }
                report(error)
            }
        }
        return !frames.isEmpty
    }

    private mutating func visit(_ name: [CChar], _ status: stat, in frame: WalkFrame) throws(SystemError) {
        let text = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let path = frame.path + "/" + text
        let isDirectory = status.st_mode & S_IFMT == S_IFDIR
        var removal: (name: [CChar], entry: OwnedEntry)?
        if range.contains(status.st_uid) || range.contains(status.st_gid) {
            let entry = OwnedEntry(
                kind: Self.kind(status), path: path, uid: status.st_uid, gid: status.st_gid)
            switch judge(entry) {
            case .leave: break
            case .give(let from, let uid, let gid):
                act(entry) { () throws(SystemError) in
                    try Self.give(name, in: frame, path, from: from, uid: uid, gid: gid)
                }
            case .remove(let uid) where entry.uid != uid:
                act(entry) { () throws(SystemError) in
                    try Self.give(name, in: frame, path, from: uid, uid: 0, gid: 0)
                }
            case .remove where isDirectory: removal = (name, entry)
            case .remove(let uid):
                act(entry) { () throws(SystemError) in try Self.remove(name, of: uid, in: frame, path, 0) }
            }
        }
        guard isDirectory, !excluded.contains(path) else { return }
        guard frames.count < depth else {
            throw SystemError("enter \(path.prefix(200))", refused: "nested deeper than \(depth) directories")
        }
        // `name` is NUL-terminated.
        let below = try SystemCall.run("open \(path)") {
            unsafe usher_open_directory_quietly(frame.descriptor.rawValue, name)
        }
        frames.append(try WalkFrame(OwnedDescriptor(owning: below), path: path, removal: removal))
    }

    private func act(_ entry: OwnedEntry, _ body: () throws(SystemError) -> Void) {
        do throws(SystemError) {
            try body()
            done(entry, nil)
        } catch {
            done(entry, error)
        }
    }

    private func removeDirectory(_ removal: (name: [CChar], entry: OwnedEntry), in above: WalkFrame) {
        act(removal.entry) { () throws(SystemError) in
            try Self.remove(removal.name, of: removal.entry.uid, in: above, removal.entry.path, AT_REMOVEDIR)
        }
    }

    /// Whoever could put another file under the name in between may remove that one too: the right to do either is
    /// the same, the directory's.
    private static func remove(
        _ name: [CChar], of uid: UInt32, in frame: WalkFrame, _ path: String, _ flags: Int32
    ) throws(SystemError) {
        let directory = frame.descriptor.rawValue
        do throws(SystemError) {
            // `name` is NUL-terminated.
            try SystemCall.run("remove \(path)") { unsafe unlinkat(directory, name, flags) }
        } catch let failure where failure.errno == EPERM {
            try OwnedFiles.unlock(name, in: directory, of: uid, stage: "unlock \(path)")
            // `name` is NUL-terminated.
            try SystemCall.run("remove \(path)") { unsafe unlinkat(directory, name, flags) }
        }
    }

    /// The descriptor is judged after it was opened: whatever has the name by now, only what the uid owns is given.
    private static func give(
        _ name: [CChar], in frame: WalkFrame, _ path: String, from: UInt32, uid: UInt32, gid: UInt32
    ) throws(SystemError) {
        // `name` is NUL-terminated.
        let descriptor = try SystemCall.run("open \(path)") {
            unsafe usher_open_name_beneath(frame.descriptor.rawValue, name)
        }
        let file = OwnedDescriptor(owning: descriptor)
        let status = try FileStatus(of: file.rawValue, stage: "stat \(path)")
        guard status.uid == from || status.gid == from else {
            throw SystemError("give \(path)", refused: "it changed meanwhile")
        }
        if status.kind == .regular, status.mode & 0o6000 != 0 {
            // fchmod refuses descriptors opened with O_PATH (open(2)). Before the owner changes: a set-id program of
            // the new owner must not exist for a moment. The path is a NUL-terminated copy that lives for the call.
            try SystemCall.run("chmod \(path)") {
                unsafe chmod("/proc/self/fd/\(file.rawValue)", status.mode & 0o1777)
            }
        }
        try SystemCall.run("chown \(path)") {
            usher_give_file(
                file.rawValue, status.uid == from ? uid : .max, status.gid == from ? gid : .max)
        }
    }

    private static func kind(_ status: stat) -> String {
        switch FileStatus(status).kind {
        case .regular: "file"
        case .directory: "directory"
        case .symbolicLink: "link"
        case .socket: "socket"
        case .other: "special"
        }
    }
}

extension WalkFrame {
    /// What is of interest of the next name.
    enum Next {
        /// `.` or `..`, or gone.
        case nothing
        /// What it is could not be asked.
        case unreadable(Int32)
        /// Neither a directory nor of the range.
        case other
        /// The name ended by NUL.
        case entry([CChar], stat)
    }

    /// Nil after the last name.
    func next(_ range: ClosedRange<UInt32>) throws(SystemError) -> Next? {
        let directory = descriptor.rawValue
        return try unsafe stream.next { name -> Next in
            // `.` and `..`.
            if unsafe name[0] == 0x2E, unsafe name.count == 1 || (name.count == 2 && name[1] == 0x2E) {
                return .nothing
            }
            var status = stat()
            // readdir(3) ends the name with a NUL behind the bytes; `status` is a local value that fstat fills.
            let start = unsafe UnsafeRawPointer(name.baseAddress.unsafelyUnwrapped).assumingMemoryBound(to: CChar.self)
            let place = unsafe usher_open_name_beneath(directory, start)
            guard place >= 0 else {
                let code = SystemCall.lastError
                return code == ENOENT || code == EXDEV ? .nothing : .unreadable(code)
            }
            let owned = OwnedDescriptor(owning: place)
            guard unsafe fstat(owned.rawValue, &status) == 0 else { return .unreadable(SystemCall.lastError) }
            guard
                status.st_mode & S_IFMT == S_IFDIR || range.contains(status.st_uid) || range.contains(status.st_gid)
            else { return .other }
            return .entry(unsafe name.map { CChar(bitPattern: $0) } + [0], status)
        }
    }
}
