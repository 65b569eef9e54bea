internal import Synchronization

/// How many connections a socket has, in all and of each uid.
final class ConnectionCounter: Sendable {
    private struct State {
        var total = 0
        var ofUser: [UInt32: Int] = [:]
    }

    private let total: Int
    private let ofOneUser: Int
    private let state = Mutex(State())

    init(total: Int, ofOneUser: Int) {
        self.total = total
        self.ofOneUser = ofOneUser
    }

    /// Takes a place; false when there is none left for this uid.
    func enter(uid: UInt32) -> Bool {
        state.withLock { state in
            guard state.total < total, state.ofUser[uid, default: 0] < ofOneUser else { return false }
            state.total += 1
            state.ofUser[uid, default: 0] += 1
            return true
        }
    }

    func leave(uid: UInt32) {
        state.withLock { state in
            state.total -= 1
            let rest = state.ofUser[uid, default: 1] - 1
            state.ofUser[uid] = rest == 0 ? nil : rest
        }
    }
}
