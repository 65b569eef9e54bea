public import UsherTicket
internal import UsherWire

/// Verifies a log while it streams by, file after file, in memory that does not grow with it, and says where it is
/// wrong.
///
/// A line is judged by the line after it, which names its hash; a line whose own successor does not know it is not
/// believed about the one before. So a change is found at the line that was changed.
///
/// A little over 400 lines: every rule reads and writes the same few slots, and apart they would hide that.
public struct EvidenceVerifier {
    /// How many lines back a line that stands at a wrong place is recognised.
    static let window: Int64 = 4096
    /// Faults that are told one by one.
    static let told = 1000

    private struct Candidate {
        var hash: LineHash
        /// Nil for bytes that are no line.
        var previous: LineHash?
        var place: EvidenceFault.Place
        var isReported = false
    }

    private struct Slot {
        var candidates: [Candidate] = []
        /// The one that the next line names.
        var attested: Int?
        /// The line names a line before it that is not there.
        var mismatches = false
    }

    private struct Missing {
        var range: ClosedRange<Int64>
        /// Of the line behind it.
        var place: EvidenceFault.Place
    }

    private let hostKeys: [PublicKey]
    private let anchors: [EvidenceAnchor]
    /// A whole log, not a part of one.
    private let isWhole: Bool
    /// Checkpoints that were verified before.
    private let proven: Set<LineHash>
    private var verdict = EvidenceVerdict()
    private var slots: [Int64: Slot] = [:]
    private var missing: [Missing] = []
    /// A line far ahead of the one before it, until the next shows what it was.
    private var jump: (before: Int64, sequence: Int64)?
    /// Lines that were not written where they stand, by the number that they carry.
    private var aliens: [Int64: Candidate] = [:]
    private var highest: Int64 = 0
    private var file = ""
    private var firstFile = ""
    private var fileLine = 0
    private var nameSays: Int64?
    private var fileIsSwapped = false
    private var nextKey: PublicKey?
    private var number: Int64?
    private var isLost = false
    private var matched: Set<Int> = []
    private var removedThrough: Int64 = 0

    /// - Parameters:
    ///   - hostKeys: the public keys of the host; one of them signed the first checkpoint.
    ///   - anchors: checkpoints that were exported earlier.
    ///   - isWhole: whether all files of a log follow: then lines that are missing at the beginning must have been
    ///     removed by the log's own retention.
    ///   - proven: checkpoints that were verified before, by their lines' hashes.
    public init(
        hostKeys: [PublicKey], anchors: [EvidenceAnchor] = [], isWhole: Bool = true, proven: Set<LineHash> = []
    ) {
        self.hostKeys = hostKeys
        self.anchors = anchors
        self.isWhole = isWhole
        self.proven = proven
    }

    /// - Parameter sequence: the number that the file's name says its first line has; nil for the current file.
    public mutating func beginFile(_ name: String, first sequence: Int64?) {
        verdict.files += 1
        if verdict.files == 1 { firstFile = name }
        (file, fileLine, nameSays, fileIsSwapped) = (name, 0, sequence, false)
    }

    /// - Parameter unfinished: bytes behind the file's last line feed.
    public mutating func endFile(unfinished: Int) {
        guard unfinished > 0 else { return }
        let place = EvidenceFault.Place(file: file, line: fileLine + 1)
        report(
            .cut, place, highest + 1,
            "\(unfinished) bytes without the end of a line: a crash while it was written, or a hand")
    }

    public mutating func take(_ piece: LineSplitter.Piece) {
        fileLine += 1
        verdict.lines += 1
        let place = EvidenceFault.Place(file: file, line: fileLine)
        switch piece {
        case .tooLong(let count):
            malformed(place, LineHash(of: []), "\(count) bytes are more than a line may have")
        case .line(let bytes):
            do throws(EvidenceLineError) {
                try take(EvidenceLine(parsing: bytes), place)
            } catch {
                malformed(place, LineHash(of: bytes), error.detail)
            }
        }
    }

    public mutating func finish() -> EvidenceVerdict {
        settleJump(next: nil)
        for (sequence, slot) in slots.sorted(by: { $0.key < $1.key }) where slot.mismatches {
            accuse(sequence - 1, "it, or the line after it, was changed")
        }
        for (sequence, slot) in slots.sorted(by: { $0.key < $1.key }) where slot.candidates.count > 1 {
            for candidate in slot.candidates.dropFirst() where slot.attested == nil {
                report(.inserted, candidate.place, sequence, "a second line of this number")
            }
        }
        reportAliens()
        for gap in missing {
            report(.removed, gap.place, gap.range.lowerBound, "lines \(Self.text(gap.range)) are missing before it")
        }
        checkBeginning()
        if verdict.first != nil, verdict.checkpoints == 0 {
            report(.notSigned, .init(file: firstFile, line: 1), verdict.first, "no checkpoint vouches for any line")
        }
        for (index, anchor) in anchors.enumerated() where !matched.contains(index) { missed(anchor) }
        verdict.last = highest > 0 ? highest : nil
        verdict.faults.sort { ($0.sequence ?? 0) < ($1.sequence ?? 0) }
        if let first = verdict.faults.compactMap(\.sequence).min(), let signed = verdict.signedTo, signed >= first {
            verdict.signedTo = lastCheckpoint(before: first)
        }
        return verdict
    }

    // MARK: Lines

    private mutating func malformed(_ place: EvidenceFault.Place, _ hash: LineHash, _ detail: String) {
        settleJump(next: nil)
        report(.malformed, place, highest + 1, detail)
        if verdict.first == nil { verdict.first = highest + 1 }
        highest += 1
        slots[highest, default: Slot()].candidates.append(
            Candidate(hash: hash, previous: nil, place: place, isReported: true))
        prune()
    }

    private mutating func take(_ line: EvidenceLine, _ place: EvidenceFault.Place) {
        checkHost(line, place)
        let sequence = line.sequence
        let candidate = Candidate(hash: line.hash, previous: line.previous, place: place)
        checkName(sequence, place)
        if verdict.first == nil {
            verdict.first = min(nameSays ?? sequence, sequence)
            highest = (verdict.first ?? sequence) - 1
            if sequence == 1, line.previous != .none {
                report(.changed, place, 1, "the first line names a line before it")
            }
        }
        settleJump(next: line)
        switch sequence {
        case highest + 1:
            highest = sequence
        case (highest + 2)...:
            missing.append(Missing(range: (highest + 1)...(sequence - 1), place: place))
            jump = (highest, sequence)
            highest = sequence
        default:
            guard takeEarlier(sequence, candidate, place) else { return }
        }
        slots[sequence, default: Slot()].candidates.append(candidate)
        compare(sequence)
        compare(sequence + 1)
        note(line, sequence, place)
        prune()
    }

    /// A line whose number came up before; false when it is no part of the chain.
    private mutating func takeEarlier(
        _ sequence: Int64, _ candidate: Candidate, _ place: EvidenceFault.Place
    ) -> Bool {
        if let index = missing.firstIndex(where: { $0.range.contains(sequence) }) {
            fill(index, sequence)
            if !fileIsSwapped { report(.reordered, place, sequence, "it stands behind line \(highest)") }
            return true
        }
        guard let slot = slots[sequence], slot.attested == nil else {
            report(.inserted, place, sequence, "a line of this number stands before it")
            return false
        }
        return true
    }

    private mutating func fill(_ index: Int, _ sequence: Int64) {
        let gap = missing.remove(at: index)
        if sequence < gap.range.upperBound {
            missing.insert(Missing(range: (sequence + 1)...gap.range.upperBound, place: gap.place), at: index)
        }
        if sequence > gap.range.lowerBound {
            missing.insert(Missing(range: gap.range.lowerBound...(sequence - 1), place: gap.place), at: index)
        }
    }

    /// After a line that was far ahead, the next one shows whether lines are missing or that one does not belong there.
    private mutating func settleJump(next: EvidenceLine?) {
        guard let jump else { return }
        self.jump = nil
        guard let gap = missing.last, gap.range.upperBound == jump.sequence - 1 else { return }
        if let next, next.sequence == jump.before + 1 || next.sequence == jump.before + 2,
            next.sequence != jump.sequence + 1, let candidate = slots[jump.sequence]?.candidates.first
        {
            missing.removeLast()
            slots[jump.sequence] = nil
            highest = jump.before
            if next.sequence == jump.before + 1 {
                aliens[jump.sequence] = candidate
            } else {
                report(.changed, candidate.place, jump.before + 1, "its number is \(jump.sequence)")
                highest += 1
                var reported = candidate
                reported.isReported = true
                slots[highest] = Slot(candidates: [reported])
            }
            return
        }
        // Exactly one line is missing, and it stood at another place before.
        let lone = gap.range.lowerBound
        if gap.range.count == 1, let alien = aliens[lone],
            let after = slots[jump.sequence]?.candidates.first, after.previous == alien.hash
        {
            missing.removeLast()
            aliens[lone] = nil
            report(.reordered, alien.place, lone, "it stands before its place")
            slots[lone] = Slot(candidates: [alien], attested: 0)
            slots[jump.sequence]?.mismatches = false
        }
    }

    /// Whether the line of this number knows the one before it.
    private mutating func compare(_ sequence: Int64) {
        guard let slot = slots[sequence], let before = slots[sequence - 1] else { return }
        guard let latest = slot.candidates.last, let previous = latest.previous else { return }
        if let index = before.candidates.firstIndex(where: { $0.hash == previous }) {
            attest(sequence - 1, index)
            slots[sequence]?.mismatches = false
        } else if slot.attested == nil, slot.candidates.count == 1 {
            slots[sequence]?.mismatches = true
            // Nobody knows the line before: what it said of its own predecessor does not count.
            slots[sequence - 1]?.mismatches = false
        }
    }

    /// The line is the one that was written: others of its number are not, and what it says of the one before holds.
    private mutating func attest(_ sequence: Int64, _ index: Int) {
        guard var slot = slots[sequence], slot.attested == nil else { return }
        slot.attested = index
        for (other, candidate) in slot.candidates.enumerated() where other != index && !candidate.isReported {
            report(.inserted, candidate.place, sequence, "the line after it names another")
        }
        let mismatches = slot.mismatches
        slot.mismatches = false
        slots[sequence] = slot
        if mismatches { accuse(sequence - 1, "it is not the line that the one after it names") }
    }

    private mutating func accuse(_ sequence: Int64, _ detail: String) {
        slots[sequence + 1]?.mismatches = false
        guard let candidate = slots[sequence]?.candidates.first, !candidate.isReported else { return }
        slots[sequence]?.candidates[0].isReported = true
        report(.changed, candidate.place, sequence, detail)
    }

    /// Lines that stood too early and were not missed later.
    private mutating func reportAliens() {
        for (sequence, alien) in aliens.sorted(by: { $0.key < $1.key }) where !alien.isReported {
            report(.inserted, alien.place, sequence, "it was not written here")
        }
        aliens = [:]
    }

    private mutating func prune() {
        slots[highest - Self.window] = nil
        if aliens.count > 1000 { reportAliens() }
        if slots.count > Int(2 * Self.window) { slots = slots.filter { $0.key > highest - Self.window } }
    }

    // MARK: What lines say

    private mutating func checkHost(_ line: EvidenceLine, _ place: EvidenceFault.Place) {
        if verdict.host == nil { verdict.host = line.host }
        if verdict.host != line.host { report(.inserted, place, line.sequence, "a line of host \(line.host)") }
    }

    private mutating func checkName(_ sequence: Int64, _ place: EvidenceFault.Place) {
        guard fileLine == 1, let nameSays, nameSays != sequence else { return }
        fileIsSwapped = true
        (nextKey, number, isLost) = (nil, nil, true)
        report(.swappedFile, place, sequence, "the file's name says that it begins with line \(nameSays)")
    }

    private mutating func note(_ line: EvidenceLine, _ sequence: Int64, _ place: EvidenceFault.Place) {
        for (index, anchor) in anchors.enumerated() where anchor.sequence == sequence && !matched.contains(index) {
            matched.insert(index)
            guard anchor.hash == line.hash else {
                report(.anchorMissed, place, sequence, "it is not the line that \(anchor.source) knew")
                continue
            }
            verdict.anchoredTo = max(verdict.anchoredTo ?? 0, sequence)
        }
        if line.kind == "retention", case .integer(let through)? = line.record.details["through"],
            through <= EvidenceLimits.largestNumber
        {
            removedThrough = max(removedThrough, through)
        }
        if line.kind == Checkpoint.kind { checkpoint(line, sequence, place) }
    }

    private mutating func checkpoint(_ line: EvidenceLine, _ sequence: Int64, _ place: EvidenceFault.Place) {
        guard let checkpoint = SignedCheckpoint(line) else {
            return report(.forgedCheckpoint, place, sequence, "it has not the form of a checkpoint")
        }
        verdict.checkpoints += 1
        let isHosts = hostKeys.contains { checkpoint.isSigned(by: $0) }
        let isEndorsed = hostKeys.contains { checkpoint.isEndorsed(by: $0) }
        if let restart = checkpoint.content.restart, isHosts {
            report(.keysRestarted, place, sequence, "from here on the host's key alone vouches: \(restart)")
        } else if isHosts, number != nil {
            report(.keysRestarted, place, sequence, "the host's key signed it, which signs the first alone")
        } else if let nextKey, let number {
            // The one that named its key is among the lines that are missing, which is told already.
            guard missing.isEmpty || checkpoint.content.number <= number + 1 else { return loseKeys() }
            guard checkpoint.isSigned(by: nextKey), checkpoint.content.number == number + 1 else {
                loseKeys()
                let since = verdict.signedTo.map { "after line \($0)" } ?? "up to it"
                return report(
                    .forgedCheckpoint, place, sequence,
                    "key \(nextKey.keyID) did not sign it as checkpoint \(number + 1): "
                        + "what stands \(since) is not proven")
            }
        } else if !isHosts, !isEndorsed, !proven.contains(line.hash) {
            // A log whose older files are gone begins with one that the host's key endorsed.
            guard !isLost, !fileIsSwapped else { return }
            loseKeys()
            let isKnown = hostKeys.contains { $0.keyID == checkpoint.keyID }
            return report(
                isKnown ? .forgedCheckpoint : .unknownKey, place, sequence,
                isKnown
                    ? "key \(checkpoint.keyID) did not sign it"
                    : "no key given here signed or endorsed it; it names \(checkpoint.keyID)")
        }
        guard !fileIsSwapped else { return }
        (nextKey, number, isLost) = (checkpoint.content.next, checkpoint.content.number, false)
        attestCheckpoint(sequence)
        signed.append(sequence)
        if signed.count > 2 * Self.keptCheckpoints { signed.removeFirst(Self.keptCheckpoints) }
        verdict.signedTo = sequence
    }

    /// Whoever signs next cannot be known: until the host's key endorses one, nothing is proven, and nothing more is
    /// reported.
    private mutating func loseKeys() {
        (nextKey, number, isLost) = (nil, nil, true)
    }

    /// A signature attests its own line: nothing has to wait for the one after it.
    private mutating func attestCheckpoint(_ sequence: Int64) {
        guard let slot = slots[sequence], slot.candidates.count == 1 else { return }
        attest(sequence, 0)
    }

    private static let keptCheckpoints = 10_000
    private var signed: [Int64] = []

    private func lastCheckpoint(before sequence: Int64) -> Int64? { signed.last { $0 < sequence } }

    // MARK: The whole

    private mutating func checkBeginning() {
        guard isWhole, let first = verdict.first, first > 1, first - 1 > removedThrough else { return }
        let place = EvidenceFault.Place(file: firstFile, line: 1)
        let range = Self.text(1...(first - 1))
        report(.removed, place, 1, "lines \(range) are missing, and no line says that retention did it")
    }

    private mutating func missed(_ anchor: EvidenceAnchor) {
        guard let first = verdict.first else {
            let place = EvidenceFault.Place(file: file, line: 1)
            return report(.anchorMissed, place, anchor.sequence, "the log is empty, \(anchor.source) knew more")
        }
        // Before the first line that is kept, an anchor says nothing about this log.
        guard anchor.sequence >= first else { return }
        let place = EvidenceFault.Place(file: file, line: fileLine)
        guard anchor.sequence > highest else {
            return report(
                .anchorMissed, place, anchor.sequence, "the line that \(anchor.source) knew is not there")
        }
        report(
            .anchorMissed, place, anchor.sequence,
            "the log ends with line \(highest), and \(anchor.source) knew line \(anchor.sequence): "
                + "lines \(Self.text((highest + 1)...anchor.sequence)) are gone")
    }

    private mutating func report(
        _ kind: EvidenceFault.Kind, _ place: EvidenceFault.Place, _ sequence: Int64?, _ detail: String
    ) {
        verdict.faultCount += 1
        guard verdict.faults.count < Self.told else { return }
        verdict.faults.append(EvidenceFault(kind, place, sequence: sequence, detail))
    }

    private static func text(_ range: ClosedRange<Int64>) -> String {
        range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
    }
}
