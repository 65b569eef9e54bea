/// The lines that a new connection sends again: the last ones before the place that the receiver's host has reached, as
/// many as fill its buffers.
struct ResendWindow {
    private struct Mark {
        var position: LogPosition
        /// Bytes of lines between the place and the one reached.
        var distance: Int
    }

    /// Bytes.
    private let limit: Int
    /// Oldest first.
    private var marks: [Mark]
    private(set) var reached: LogPosition

    init(limit: Int, reached: LogPosition, resend: LogPosition) {
        self.limit = limit
        self.reached = reached
        // How far apart the two are is not known; all of it stays until as much has been sent anew.
        marks = [Mark(position: resend, distance: 0)]
    }

    /// Where a new connection begins: as late as the limit allows, and never behind the place reached.
    var start: LogPosition { marks.first?.position ?? reached }

    /// The receiver's host has the lines up to here.
    mutating func advance(to position: LogPosition, bytes: Int) {
        // Lines that were sent again move nothing.
        guard position.sequence > reached.sequence else { return }
        marks.append(Mark(position: reached, distance: 0))
        for index in marks.indices { marks[index].distance += bytes }
        reached = position
        let kept = marks.lastIndex { $0.distance >= limit } ?? 0
        marks.removeFirst(kept)
    }

    /// The receiver has read everything: nothing need be sent again.
    mutating func confirm() {
        marks = []
    }
}
