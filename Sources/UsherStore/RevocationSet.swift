internal import Synchronization

/// What is revoked now, in memory: judged at every login without a read of the database, inside the transactions that
/// admit and open, too.
///
/// An entry counts from before its row is on the disk until after it is lifted there. The transactions of admissions
/// and sessions run one after the other with that of the row, so one that did not see the entry is committed before the
/// row is, and whoever then looks for what the entry matches finds it.
public final class RevocationSet: Sendable {
    private struct Key: Hashable {
        var kind: Revocation.Kind
        var issuer = ""
        var value = ""
    }

    private let layers = Mutex<[Revocation.Source: [Key: Revocation]]>([:])

    init() {}

    /// The first revocation that refuses the ticket for this account; nil when none does.
    public func match(_ ticket: TicketFacts, account: String) -> Revocation? {
        layers.withLock { layers in
            if layers.isEmpty { return nil }
            let keys = Self.keys(ticket, account: account)
            for source in [Revocation.Source.command, .list, .trust] {
                guard let layer = layers[source] else { continue }
                for key in keys {
                    if let found = layer[key] { return found }
                }
            }
            return nil
        }
    }

    /// All that stand, of every source, oldest first.
    public func all() -> [Revocation] {
        layers.withLock { layers in
            layers.values.flatMap(\.values).sorted {
                ($0.at, $0.id, $0.kind.rawValue, $0.value) < ($1.at, $1.id, $1.kind.rawValue, $1.value)
            }
        }
    }

    /// How many stand of one source.
    public func count(_ source: Revocation.Source) -> Int { layers.withLock { $0[source]?.count ?? 0 } }

    /// Makes these all that stand of one source. Of trust entries and lists; the store does it for commands.
    public func replace(_ source: Revocation.Source, by revocations: [Revocation]) {
        let layer = Dictionary(revocations.map { (Self.key($0), $0) }, uniquingKeysWith: { first, _ in first })
        layers.withLock { $0[source] = layer.isEmpty ? nil : layer }
    }

    /// - Returns: the one that stands for the same already, which then stays as it is.
    func insert(_ revocation: Revocation) -> Revocation? {
        layers.withLock { layers in
            let key = Self.key(revocation)
            if let standing = layers[revocation.source]?[key] { return standing }
            layers[revocation.source, default: [:]][key] = revocation
            return nil
        }
    }

    func remove(_ revocation: Revocation) {
        layers.withLock { layers in
            let key = Self.key(revocation)
            guard layers[revocation.source]?[key]?.id == revocation.id else { return }
            layers[revocation.source]?[key] = nil
            if layers[revocation.source]?.isEmpty == true { layers[revocation.source] = nil }
        }
    }

    private static func key(_ revocation: Revocation) -> Key {
        Key(kind: revocation.kind, issuer: revocation.issuer, value: revocation.value)
    }

    /// Everything by which a ticket can be revoked, the widest first. A revoked subject stops tickets that speak of it,
    /// in which it acts for somebody, and for which it is the one who answers.
    private static func keys(_ ticket: TicketFacts, account: String) -> [Key] {
        var keys = [
            Key(kind: .all), Key(kind: .key, value: ticket.keyID),
            Key(kind: .ticket, issuer: ticket.issuer, value: ticket.ticketID), Key(kind: .role, value: ticket.role),
            Key(kind: .account, value: account),
        ]
        for subject in [ticket.subject, ticket.actor, ticket.owner] {
            if let subject { keys.append(Key(kind: .subject, value: subject)) }
        }
        return keys
    }
}
