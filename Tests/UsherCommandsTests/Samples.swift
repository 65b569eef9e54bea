import UsherWire

@testable import UsherCommands

/// Values as the agent sends them.
enum Samples {
    static func session(_ changes: (String, JSONValue?)...) -> JSONObject {
        var members: [(String, JSONValue?)] = [
            ("id", .text("s-abcdefghij234567")), ("state", .text("open")), ("account", .text("u-k3j7x2mag5")),
            ("kind", .text("ephemeral")), ("uid", .integer(1_954_321_987)), ("subject", .text("human:alice")),
            ("role", .text("dba")), ("issuer", .text("ci")), ("key", .text("44OdtsPYTtc")),
            ("ticket", .text("AAAAAAAAAAAAAAAAAAAAAA")), ("service", .text("sshd")),
            ("remoteHost", .text("192.0.2.7")), ("leader", .integer(4242)), ("auditSession", .integer(42)),
            ("openedAt", .integer(1_700_000_000)), ("endsAt", .integer(1_700_003_600)), ("idleLimit", .integer(900)),
        ]
        for (name, value) in changes {
            members.removeAll { $0.0 == name }
            members.append((name, value))
        }
        return JSONObject(members)
    }

    static func sessions(_ sessions: JSONObject...) -> JSONObject {
        JSONObject([("sessions", .array(sessions.map { .object($0) }))])
    }
}
