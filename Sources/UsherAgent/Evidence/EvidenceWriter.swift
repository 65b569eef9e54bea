internal import Logging
internal import UsherConfig
internal import UsherEvidence
internal import UsherSystem
internal import UsherTicket

/// The files of the evidence log, for one thread: lines at the end, checkpoints between them, a new file when one is
/// full. What cannot be written leaves no part of a line behind.
struct EvidenceWriter {
    let place: EvidencePlace
    let hostID: String
    let hostKey: PrivateKey
    let logger: Logger
    var settings: EvidenceSettings

    private var chain: EvidenceChain
    private var keys: MovingKeys
    /// The key file says what `keys` says: only then may a line name the next key.
    private var keysAreSaved = false
    private var file: AppendFile?
    /// Of the current file, up to its last whole line.
    private var size: Int64 = 0
    private var firstSequence: Int64?
    private var reserve: AppendFile?
    private var linesSinceCheckpoint: Int64 = 0
    private var checkpointAt: Int64 = 0
    private var isSynced = true
    /// What the log has to tell of itself as soon as it can.
    private var ownRecords: [EvidenceRecord] = []
    /// The last lines that stood there at the start, oldest first.
    private(set) var found: [EvidenceLine] = []

    /// Room for what logins that are under way may still say.
    private static let leastFree: UInt64 = 1 << 20

    init(
        place: EvidencePlace, hostID: String, hostKey: PrivateKey, settings: EvidenceSettings, logger: Logger
    ) throws(SystemError) {
        self.place = place
        self.hostID = hostID
        self.hostKey = hostKey
        self.settings = settings
        self.logger = logger
        chain = EvidenceChain(host: hostID)
        keys = try MovingKeys.first()
    }

    /// Number and hash of the last line.
    var end: (sequence: Int64, hash: LineHash) { (chain.sequence, chain.hash) }

    /// Whether the disk has room for what is set aside, and some more: otherwise nobody new is let in.
    var hasRoom: Bool {
        guard file != nil, reserve != nil else { return false }
        return ((try? Files.freeBytes(place.directory)) ?? 0) >= Self.leastFree
    }

    // MARK: Start

    /// Opens what stands there, keeps aside what a crash left of a line, and finds the key that signs next.
    mutating func open(now: Int64) throws(SystemError) {
        guard file == nil else { return }
        try Files.makeDirectory(place.directory, mode: place.directoryMode, uid: place.uid, gid: place.gid)
        let names = try Files.list(place.directory)
        let opened = try openFile(EvidenceFiles.current)
        let tail = try EvidenceTail(of: opened)
        var last = tail.last
        var checkpointTail = tail
        let former = EvidenceFiles.ordered(names).last { $0 != EvidenceFiles.current }
        if last == nil, tail.whole == 0, let former {
            checkpointTail = try EvidenceTail(of: try openFile(former))
            last = checkpointTail.last
        }
        found = checkpointTail.lines.compactMap(\.line)
        if chain.sequence == 0 { try findKeys(checkpointTail, last) } else { try catchUp(with: checkpointTail) }
        chain = EvidenceChain(host: hostID, sequence: last?.sequence ?? 0, hash: last?.hash ?? .none)
        try compareWithKeys(last, checkpointTail, now)
        try keepCutLine(tail, opened, names, now)
        size = tail.whole
        firstSequence = try firstNumber(opened, size)
        file = opened
        isSynced = true
        if keys.sequence > 0 { linesSinceCheckpoint = max(0, chain.sequence - keys.sequence) }
        checkpointAt = now
        try holdReserve()
    }

    private func openFile(_ name: String) throws(SystemError) -> AppendFile {
        try AppendFile(
            place.path(name), mode: place.fileMode, gid: place.gid, owner: place.uid == 0 ? nil : place.uid)
    }

    private func firstNumber(_ file: AppendFile, _ size: Int64) throws(SystemError) -> Int64? {
        guard size > 0 else { return nil }
        let bytes = try file.read(at: 0, count: Int(min(size, Int64(EvidenceLimits.lineBytes))))
        return (try? EvidenceLine(parsing: Array(bytes.prefix { $0 != UInt8(ascii: "\n") })))?.sequence
    }

    /// The keys that go with the log: those of the file, one checkpoint further where a crash came between line and
    /// file, or the host's.
    private mutating func findKeys(_ tail: EvidenceTail, _ last: (sequence: Int64, hash: LineHash)?) throws(SystemError)
    {
        var reason: String?
        do throws(SystemError) {
            let owner = place.uid == 0 ? nil : place.uid
            let rules = FileRules(owner: owner, forbiddenMode: 0o077)
            if let loaded = try MovingKeys.load(place.keyFile, rules: rules) {
                keys = loaded
                keysAreSaved = true
                guard let newer = tail.checkpoint(after: loaded.sequence) else { return }
                if newer.checkpoint.content.next == loaded.next.publicKey {
                    keys = try loaded.advanced(sequence: newer.checkpoint.sequence, hash: newer.hash)
                    keysAreSaved = false
                    return
                }
                reason = "the log holds a checkpoint that the key file does not know"
            } else if last == nil {
                return
            } else {
                reason = "the key file was missing"
            }
        } catch {
            // What passes is tried again; what the file itself is, stays.
            guard error.errno == 0 else { throw error }
            reason = "\(error)"
        }
        let number = tail.checkpoint(after: 0)?.checkpoint.content.number ?? max(1, keys.number)
        keys = try MovingKeys.restarted(after: number, reason: reason ?? "unknown")
        keysAreSaved = false
        logger.error("the chain of keys of the evidence log begins anew", metadata: ["reason": "\(reason ?? "")"])
    }

    /// A checkpoint whose way to the disk failed may stand there all the same: its signer is not used again.
    private mutating func catchUp(with tail: EvidenceTail) throws(SystemError) {
        guard let newer = tail.checkpoint(after: keys.sequence),
            newer.checkpoint.content.next == keys.next.publicKey
        else { return }
        keys = try keys.advanced(sequence: newer.checkpoint.sequence, hash: newer.hash)
        keysAreSaved = false
    }

    /// The key file knows the last checkpoint: a log that does not hold it was changed behind the agent's back.
    private mutating func compareWithKeys(
        _ last: (sequence: Int64, hash: LineHash)?, _ tail: EvidenceTail, _ now: Int64
    ) throws(SystemError) {
        guard keys.sequence > 0 else { return }
        let end = last?.sequence ?? 0
        if end < keys.sequence {
            if last == nil { chain = EvidenceChain(host: hostID, sequence: keys.sequence, hash: keys.hash) }
            chain.skip(to: keys.sequence)
            ownRecords.append(
                .logFault(now, "the evidence log ended with line \(end), and line \(keys.sequence) was written before"))
        } else if let line = tail.lines.compactMap(\.line).first(where: { $0.sequence == keys.sequence }),
            line.hash != keys.hash
        {
            ownRecords.append(
                .logFault(now, "line \(keys.sequence) of the evidence log is not the checkpoint that was written"))
        }
    }

    private mutating func keepCutLine(
        _ tail: EvidenceTail, _ file: AppendFile, _ names: [String], _ now: Int64
    ) throws(SystemError) {
        let next = chain.sequence + 1
        if !tail.cut.isEmpty {
            let name = EvidenceFiles.cut(sequence: next, milliseconds: now)
            try NewFile.create(place.path(name), tail.cut, mode: place.fileMode)
            try file.truncate(to: tail.whole)
            try file.sync()
            ownRecords.append(.cutLine(now, file: name, bytes: tail.cut.count, hash: LineHash(of: tail.cut)))
        } else if let name = names.first(where: { EvidenceFiles.cutSequence(of: $0) == next }) {
            // The agent died between putting it aside and saying so.
            ownRecords.append(.cutLine(now, file: name, bytes: nil, hash: nil))
        }
    }

    // MARK: Writing

    /// Adds records; with `sync`, returns when they are on the disk. When it throws, none of them is in the log.
    mutating func write(_ records: [EvidenceRecord], sync: Bool, now: Int64) throws(SystemError) {
        try open(now: now)
        try watchFile(now)
        if size == 0 { try checkpoint(now: now) }
        if !ownRecords.isEmpty {
            try add(ownRecords, sync: true)
            ownRecords = []
        }
        try add(records, sync: sync)
        if linesSinceCheckpoint >= settings.checkpointLines { try? checkpoint(now: now) }
        if size >= settings.fileMiB << 20 { try? rotate(now: now) }
    }

    private mutating func add(_ records: [EvidenceRecord], sync: Bool) throws(SystemError) {
        guard !records.isEmpty || (sync && !isSynced) else { return }
        var next = chain
        var bytes: [UInt8] = []
        for record in records {
            bytes += next.append(record)
            bytes.append(UInt8(ascii: "\n"))
        }
        try put(bytes, sync: sync)
        if firstSequence == nil { firstSequence = chain.sequence + 1 }
        linesSinceCheckpoint += Int64(records.count)
        chain = next
    }

    /// Writes whole lines, or takes away what stands of them. On a full disk, what was set aside is given up for them.
    private mutating func put(_ bytes: [UInt8], sync: Bool) throws(SystemError) {
        guard let file else { throw SystemError("write \(place.current)", refused: "not open") }
        do throws(SystemError) {
            try file.append(bytes)
        } catch {
            try undo(file)
            guard reserve != nil else { throw error }
            logger.critical(
                "no room for evidence: what was set aside is used, and nobody new is let in",
                metadata: ["reason": "\(error)"])
            reserve = nil
            try Files.remove(place.path(EvidenceFiles.reserve))
            do throws(SystemError) {
                try file.append(bytes)
            } catch {
                try undo(file)
                throw error
            }
        }
        isSynced = false
        size += Int64(bytes.count)
        if sync { try self.sync() }
    }

    private mutating func undo(_ file: AppendFile) throws(SystemError) {
        do throws(SystemError) {
            try file.truncate(to: size)
        } catch {
            // The next opening takes what stands there for a line that a crash cut.
            self.file = nil
            throw error
        }
    }

    mutating func sync() throws(SystemError) {
        guard let file, !isSynced else { return }
        do throws(SystemError) {
            try file.sync()
            isSynced = true
        } catch {
            // What the kernel did not get to the disk it may have forgotten since (fsync(2)): the end is read again.
            self.file = nil
            throw error
        }
    }

    /// Somebody took the file away or wrote to it: the log goes on where the agent was, and says so.
    private mutating func watchFile(_ now: Int64) throws(SystemError) {
        guard let opened = file else { return }
        if try !opened.isInPlace() {
            file = try openFile(EvidenceFiles.current)
            size = try file?.size() ?? 0
            firstSequence = nil
            ownRecords.append(.logFault(now, "its file was moved or removed after line \(chain.sequence)"))
            if size > 0 { try endForeignLine() }
        } else {
            let there = try opened.size()
            guard there != size else { return }
            ownRecords.append(
                .logFault(now, "its file had \(size) bytes and has \(there)"))
            size = there
            try endForeignLine()
        }
    }

    /// Whatever another hand wrote stays, and does not run into the next line.
    private mutating func endForeignLine() throws(SystemError) {
        guard let file, size > 0 else { return }
        guard try file.read(at: size - 1, count: 1) != [UInt8(ascii: "\n")] else { return }
        try file.append([UInt8(ascii: "\n")])
        size += 1
    }

    // MARK: Checkpoints and files

    /// Signs what stands there. The key that signs is gone when it returns.
    mutating func checkpoint(now: Int64) throws(SystemError) {
        if !keysAreSaved {
            try keys.save(place.keyFile, uid: place.uid, gid: place.uid == 0 ? 0 : place.gid)
            keysAreSaved = true
        }
        var next = chain
        let content = Checkpoint(number: keys.number + 1, next: keys.next.publicKey, restart: keys.restart)
        let line: [UInt8]
        do throws(KeyError) {
            let isFileBeginning = size == 0 && keys.signer != nil
            line = try next.append(
                content, milliseconds: now, key: keys.signer ?? hostKey,
                endorsedBy: isFileBeginning ? hostKey : nil)
        } catch {
            throw SystemError("sign a checkpoint", refused: error.detail)
        }
        try put(line + [UInt8(ascii: "\n")], sync: true)
        if firstSequence == nil { firstSequence = chain.sequence + 1 }
        chain = next
        linesSinceCheckpoint = 0
        checkpointAt = now
        keys = try keys.advanced(sequence: chain.sequence, hash: chain.hash)
        keysAreSaved = false
        logger.notice(
            "evidence checkpoint",
            metadata: ["number": "\(content.number)", "sequence": "\(chain.sequence)", "hash": "\(chain.hash)"])
        try keys.save(place.keyFile, uid: place.uid, gid: place.uid == 0 ? 0 : place.gid)
        keysAreSaved = true
    }

    private mutating func rotate(now: Int64) throws(SystemError) {
        guard let first = firstSequence else { return }
        try sync()
        // What fails from here on, the next opening finds and goes on with.
        file = nil
        try Files.rename(place.current, to: EvidenceFiles.rotated(first: first))
        try open(now: now)
        try checkpoint(now: now)
    }

    /// A few times a second: what time brings.
    mutating func tick(now: Int64) throws(SystemError) {
        try open(now: now)
        try holdReserve()
        try watchFile(now)
        if !ownRecords.isEmpty { try write([], sync: true, now: now) }
        if linesSinceCheckpoint > 0, now - checkpointAt >= settings.checkpointInterval * 1000 {
            try checkpoint(now: now)
        }
    }

    /// Removes files that are old enough, after a line says so.
    mutating func prune(now: Int64) throws(SystemError) {
        let names = EvidenceFiles.ordered(try Files.list(place.directory))
        var through: Int64 = 0
        var old: [String] = []
        for (name, next) in zip(names, names.dropFirst()) {
            guard let status = try Files.status(place.path(name)),
                now / 1000 - status.modifiedAt > settings.keep
            else { break }
            let following = EvidenceFiles.first(of: next) ?? firstSequence
            guard let following else { break }
            old.append(name)
            through = following - 1
        }
        guard !old.isEmpty else { return }
        try write([.retention(now, through: through, files: old)], sync: true, now: now)
        for name in old { try Files.remove(place.path(name)) }
    }

    /// Sets the reserve aside, as soon as there is room for it.
    private mutating func holdReserve() throws(SystemError) {
        let wanted = settings.reserveMiB << 20
        if let reserve, try reserve.size() == wanted { return }
        reserve = nil
        let path = place.path(EvidenceFiles.reserve)
        let held = try Files.status(path)?.size ?? 0
        if held != wanted {
            guard try Files.freeBytes(place.directory) + UInt64(held) >= UInt64(wanted) + Self.leastFree else { return }
            try Files.remove(path)
        }
        let file = try AppendFile(path, mode: 0o600, gid: place.gid, owner: place.uid == 0 ? nil : place.uid)
        if held != wanted { try file.reserve(wanted) }
        reserve = file
    }

    /// Everything on the disk, and signed.
    mutating func close(now: Int64) throws(SystemError) {
        guard file != nil else { return }
        if linesSinceCheckpoint > 0 { try checkpoint(now: now) }
        try sync()
    }
}
