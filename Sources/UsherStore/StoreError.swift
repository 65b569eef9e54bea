internal import GRDB

/// Why a change of state did not become durable. Nothing of the change stands.
public enum StoreError: Error, Sendable, Equatable {
    /// The ticket stands in the ledger already.
    case replayed
    /// The wall clock is behind the high-water mark, by so many seconds.
    case clockBehind(seconds: Int64)
    /// The uid is used by another admission, or was within the quarantine.
    case uidBusy
    /// The ticket, or something about it, is revoked.
    case revoked(Revocation)
    /// The row is not in the state that the transition starts from.
    case conflict(String)
    /// SQLite refused: disk full, read-only, I/O error; with its own words.
    case unavailable(String)

    init(_ error: any Error) {
        switch error {
        case let error as StoreError: self = error
        case let error as DatabaseError:
            self = .unavailable("SQLite \(error.extendedResultCode.rawValue): \(error.message ?? "no message")")
        default: self = .unavailable("\(error)")
        }
    }
}
