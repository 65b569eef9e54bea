internal import UsherEvidence
internal import UsherSystem

/// What a pass over the file systems is for.
enum ResidueOrder: Sendable {
    /// Slowly, for all sessions that ended since the last.
    case background
    /// What an administrator asks for; all places when none is named.
    case scan([String])
    case adopt(UInt32, owner: User, reason: String, by: String)
    case remove(UInt32, reason: String, by: String)

    /// The uid whose files it acts on.
    var target: UInt32? {
        switch self {
        case .background, .scan: nil
        case .adopt(let uid, _, _, _), .remove(let uid, _, _): uid
        }
    }

    /// Whether it looks everywhere, so that what it does not find is gone.
    var isWhole: Bool {
        if case .scan(let paths) = self { paths.isEmpty } else { true }
    }

    var action: OwnershipAction {
        switch self {
        case .background, .scan: .leave
        case .adopt(let uid, let owner, _, _): .give(from: uid, uid: owner.uid, gid: owner.gid)
        case .remove(let uid, _, _): .remove(uid)
        }
    }
}

/// An order at work, or done, as an administrator watches it.
struct ResidueJob: Sendable {
    enum State: String, Sendable {
        case running, done, failed
    }

    var number: Int64
    var scan: OwnershipScan
    var state = State.running
    /// How many uids were found to have left something.
    var uids = 0
    /// How many things of theirs.
    var found = 0
    /// How many things an adoption or removal dealt with.
    var handled = 0
    var isComplete = false
    /// Why it failed, or is not complete.
    var problems: [String] = []
}

/// How many things, and the first of them.
struct ScanTally: Sendable {
    /// Told one by one in the database.
    static let told = 100

    private(set) var count = 0
    private(set) var findings: [Finding] = []

    mutating func add(_ entry: OwnedEntry, note: String = "") {
        count += 1
        guard findings.count < Self.told else { return }
        // So that the list of an unlucky host still fits into an answer.
        let path =
            entry.path.utf8.count <= 1000
            ? entry.path : String(decoding: entry.path.utf8.prefix(1000), as: UTF8.self) + "…"
        findings.append(Finding(kind: entry.kind, what: path + note))
    }

    /// As a signed record tells it: the first, and the number of the rest.
    var list: FindingList {
        let rest = count - findings.count
        return FindingList(findings + (rest > 0 ? [Finding(kind: "file", what: "others", count: rest)] : []))
    }
}

/// What one pass saw and did; filled by the thread that walks.
final class ResidueFindings {
    private(set) var byUID: [UInt32: ScanTally] = [:]
    private(set) var handled = ScanTally()

    private let range: ClosedRange<UInt32>
    private let order: ResidueOrder
    private let isLive: (UInt32) -> Bool

    init(range: ClosedRange<UInt32>, order: ResidueOrder, isLive: @escaping (UInt32) -> Bool) {
        self.range = range
        self.order = order
        self.isLive = isLive
    }

    func judge(_ entry: OwnedEntry) -> OwnershipAction {
        var action = OwnershipAction.leave
        for uid in Set([entry.uid, entry.gid]) where range.contains(uid) {
            if uid == order.target {
                action = order.action
            } else if !isLive(uid) {
                byUID[uid, default: ScanTally()].add(entry)
            }
        }
        return action
    }

    func done(_ entry: OwnedEntry, _ failure: SystemError?) {
        guard let failure, let target = order.target else { return handled.add(entry) }
        // What somebody removed meanwhile is not left.
        guard !failure.isNotFound else { return }
        byUID[target, default: ScanTally()].add(entry, note: " (\(failure.message))")
    }
}
