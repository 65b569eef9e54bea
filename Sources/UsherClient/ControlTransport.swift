internal import UsherSystem
internal import UsherWire

/// One call and its answer over a connection of their own.
struct ControlTransport {
    let socket: String
    /// For all of it, from connecting to the last byte.
    let seconds: Int

    /// Sends a frame, wipes it (a ticket may be in it), and returns the answer's frame without its NUL.
    func exchange(_ frame: inout [UInt8]) throws(ControlError) -> [UInt8] {
        defer { Secrets.wipe(&frame) }
        let deadline = Deadline.after(milliseconds: seconds * 1000)
        do throws(SystemError) {
            let connection = try UnixSocket.connect(socket, deadline: deadline)
            try UnixSocket.send(connection, frame, deadline: deadline)
            return try UnixSocket.receiveFrame(connection, limit: Limits.controlReplyBytes, deadline: deadline)
        } catch {
            throw controlError(error)
        }
    }

    private func controlError(_ error: SystemError) -> ControlError {
        if error.isTimeout { return .late(socket: socket, seconds: seconds) }
        if error.isNotPermitted {
            return .notPermitted(what: "\(socket) is for root and the members of its group")
        }
        if error.isUnacceptable { return .malformed(reason: error.message) }
        return .unreachable(socket: socket, reason: error.message)
    }
}
