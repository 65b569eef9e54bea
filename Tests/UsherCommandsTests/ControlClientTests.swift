import Glibc
import Testing
import UsherClient
import UsherSystem
import UsherWire

@testable import UsherCommands

@Suite struct ControlClientTests {
    @Test func aCallIsOneVarlinkFrameWithOnlyTheParametersGiven() throws {
        let agent = try ScriptedAgent(Samples.sessions())
        #expect(try ControlClient(socket: agent.path).sessions().isEmpty)
        #expect(try ControlClient(socket: agent.path).sessions(all: true, limit: 7).isEmpty)
        let calls = agent.received
        #expect(
            calls.map { String(decoding: $0.method, as: UTF8.self) }
                == Array(
                    repeating: "io.usher.Control.ListSessions", count: 2))
        #expect(calls[0].parameters == JSONObject())
        #expect(calls[1].parameters == JSONObject([("all", .boolean(true)), ("limit", .integer(7))]))
    }

    @Test func sessionsComeInTheOrderOfTheAgentWithEveryField() throws {
        let second = Samples.session(("id", .text("s-bbbbbbbbbbbbbbbb")), ("endReason", .text("deadline")))
        let agent = try ScriptedAgent(Samples.sessions(Samples.session(), second))
        let sessions = try ControlClient(socket: agent.path).sessions()
        #expect(sessions.map(\.id) == ["s-abcdefghij234567", "s-bbbbbbbbbbbbbbbb"])
        #expect(sessions[0].state == .open && sessions[0].uid == 1_954_321_987 && sessions[0].idleLimit == 900)
        #expect(sessions[0].actor == nil && sessions[1].endReason == "deadline")
    }

    @Test func aNullMemberIsAnAbsentOne() throws {
        let session = try ControlSession(Samples.session(("actor", .null), ("idleLimit", .null)))
        #expect(session.actor == nil && session.idleLimit == nil)
    }

    @Test(
        arguments: [
            ("state", .text("asleep")), ("uid", .text("1")), ("id", nil), ("openedAt", .boolean(true)),
            ("leader", .null),
            ("surprise", .text("x")), ("actor", .integer(1)), ("kind", .text("")),
        ] as [(String, JSONValue?)])
    func aSessionThatIsNotAsTheInterfaceSaysIsRefused(_ change: (String, JSONValue?)) throws {
        let agent = try ScriptedAgent(Samples.sessions(Samples.session(change)))
        let error = #expect(throws: ControlError.self) { try ControlClient(socket: agent.path).sessions() }
        guard case .malformed = error else { throw Unexpected(error) }
    }

    @Test(arguments: [
        "", "null", "[]", "{}x", "{\"parameters\":{},\"parameters\":{}}", "{\"parameters\":[]}", "{\"continues\":true}",
        "{\"parameters\":{\"sessions\":[}", "{\"parameters\":{\"sessions\":{}}}", "{\"parameters\":{\"sessions\":[1]}}",
        "{\"error\":1}", "\u{1B}[2J", "{\"error\":\"io.usher.Control.NotFound\",\"parameters\":{}}",
    ])
    func anAnswerThatIsNoneIsRefused(_ text: String) throws {
        let agent = try ScriptedAgent(.bytes(Array(text.utf8) + [0]))
        let error = #expect(throws: ControlError.self) { try ControlClient(socket: agent.path).sessions() }
        guard case .malformed = error else { throw Unexpected(error) }
    }

    @Test func bytesAfterTheAnswerAreRefused() throws {
        let frame = VarlinkReply(parameters: Samples.sessions()).frame()
        let agent = try ScriptedAgent(.bytes(frame + frame))
        let error = #expect(throws: ControlError.self) { try ControlClient(socket: agent.path).sessions() }
        guard case .malformed = error else { throw Unexpected(error) }
    }

    @Test func anEndlessAnswerIsCutOffAtTheLimit() throws {
        let agent = try ScriptedAgent(.bytes([UInt8](repeating: 0x20, count: Limits.controlReplyBytes + 100_000)))
        let error = #expect(throws: ControlError.self) { try ControlClient(socket: agent.path).sessions() }
        guard case .malformed = error else { throw Unexpected(error) }
    }

    @Test func aLongAnswerBelowTheLimitIsRead() throws {
        let session = Samples.session(("endReason", .text(String(repeating: "x", count: 3_000_000))))
        let agent = try ScriptedAgent(Samples.sessions(session))
        #expect(try ControlClient(socket: agent.path).sessions().first?.endReason?.utf8.count == 3_000_000)
    }

    @Test(arguments: [ScriptedAgent.Answer.close, .bytes(Array("{\"parameters\":{".utf8)), .bytes([])])
    func anAgentThatGoesAwayWithinItsAnswerIsUnreachable(_ answer: ScriptedAgent.Answer) throws {
        let agent = try ScriptedAgent(answer)
        let error = #expect(throws: ControlError.self) { try ControlClient(socket: agent.path).sessions() }
        guard case .unreachable(agent.path, _) = error else { throw Unexpected(error) }
    }

    @Test(arguments: [
        ScriptedAgent.Answer.silence, .trickle([UInt8](repeating: 0x20, count: 200), milliseconds: 100),
    ])
    func theDeadlineIsForTheWholeCall(_ answer: ScriptedAgent.Answer) throws {
        let agent = try ScriptedAgent(answer)
        let start = SystemClock.monotonicNanoseconds()
        let error = #expect(throws: ControlError.self) { try ControlClient(socket: agent.path, seconds: 1).sessions() }
        #expect(error == .late(socket: agent.path, seconds: 1))
        let seconds = Double(SystemClock.monotonicNanoseconds() - start) / 1e9
        #expect(seconds >= 0.9 && seconds < 10)
    }

    @Test func aMissingSocketIsUnreachable() throws {
        let error = #expect(throws: ControlError.self) {
            try ControlClient(socket: "/nonexistent/control.sock").host()
        }
        guard case .unreachable("/nonexistent/control.sock", _) = error else { throw Unexpected(error) }
    }

    @Test(
        arguments: [
            ("io.usher.Control.NotFound", [("what", .text("session"))], .notFound(what: "session")),
            ("io.usher.Control.NotPermitted", [("what", .text("not you"))], .notPermitted(what: "not you")),
            (
                "io.usher.Control.Failed", [("stage", .text("commit")), ("reason", .text("disk full"))],
                .failed(stage: "commit", reason: "disk full")
            ),
            ("org.varlink.service.InvalidParameter", [("parameter", .text("id"))], .invalid(parameter: "id")),
            (
                "org.varlink.service.MethodNotFound", [("method", .text("x"))],
                .unsupported(error: "org.varlink.service.MethodNotFound")
            ),
        ] as [(String, [(String, JSONValue?)], ControlError)])
    func anErrorAnswerSaysWhatItMeans(_ name: String, _ parameters: [(String, JSONValue?)], _ expected: ControlError)
        throws
    {
        let agent = try ScriptedAgent(error: name, JSONObject(parameters))
        #expect(throws: expected) { try ControlClient(socket: agent.path).session(id: "s-abcdefghij234567") }
    }

    @Test(
        arguments: [
            [("admissible", .boolean(true)), ("code", .text("x")), ("reason", .text("y"))],
            [("admissible", .boolean(false))], [("admissible", .boolean(false)), ("code", .text("x"))],
            [("code", .text("x")), ("reason", .text("y"))],
        ] as [[(String, JSONValue?)]])
    func aVerdictThatContradictsItselfIsNoVerdict(_ parameters: [(String, JSONValue?)]) throws {
        let agent = try ScriptedAgent(JSONObject(parameters))
        let error = #expect(throws: ControlError.self) {
            try ControlClient(socket: agent.path).inspect(ticket: [0x61])
        }
        guard case .malformed = error else { throw Unexpected(error) }
    }

    @Test func aTicketTooLongForACallIsNotSent() throws {
        let error = #expect(throws: ControlError.self) {
            try ControlClient(socket: "/nonexistent").inspect(ticket: [UInt8](repeating: 0x61, count: 70_000))
        }
        #expect(error == .failed(stage: "request", reason: "it is longer than 65536 bytes"))
    }
}

/// What was caught instead of what was expected.
struct Unexpected: Error, CustomStringConvertible {
    let description: String

    init(_ error: (any Error)?) {
        description = "caught \(error.map { "\($0)" } ?? "nothing")"
    }
}
