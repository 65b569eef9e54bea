import Testing
import UsherPAMCore
import UsherWire

/// What a phase is expected to do next, with what comes of it.
enum Event: Equatable {
    case identifyUser(Bool)
    /// An answer of nil is a conversation that fails.
    case prompt(String, answer: [UInt8]?)
    /// The answer is wiped; nothing may use it afterwards.
    case wipe
    case call(String, AgentOutcome)
    case setVariable(String, String?, Bool)
    case store(String?, Bool)
    case audit(String, remoteHost: String?, terminal: String?, AuditOutcome)
    case log(String, error: Int32)
    case showError(String)
    case showInformation(String)
}

/// A PAM host that plays a script: a queue of expected events that must be empty at the end.
final class ScriptedHost: PAMHost {
    typealias Request = [UInt8]

    var items: [PAMItem: String] = [
        .user: "u-k3j7x2mag5", .service: "sshd", .terminal: "ssh", .remoteHost: "192.0.2.7",
    ]
    var variables: [String: String] = [:]
    var stored: StoredSession?
    var agent = "/run/usher/agent.sock"
    private(set) var deadlines: [Int64] = []
    private var script: [Event]
    private var clock: Int64 = 0

    init(_ script: [Event]) {
        self.script = script
    }

    /// Runs a phase and checks that it played the whole script.
    func run(
        _ phase: (PAMPhases<ScriptedHost>) -> PAMResult, arguments: [String] = [], isSilent: Bool = false,
        sourceLocation: SourceLocation = #_sourceLocation
    ) -> PAMResult {
        let result = phase(PAMPhases(host: self, arguments: arguments.map { Array($0.utf8) }, isSilent: isSilent))
        #expect(script.isEmpty, "did not happen", sourceLocation: sourceLocation)
        return result
    }

    private func next(_ description: String) -> Event? {
        guard !script.isEmpty else {
            Issue.record("after the end of the script: \(description)")
            return nil
        }
        return script.removeFirst()
    }

    /// For events of which nothing comes.
    private func expect(_ event: Event) {
        #expect(next("\(event)") == event)
    }

    private func unexpected(_ happened: String, _ event: Event?) {
        Issue.record("\(happened) instead of \(String(describing: event))")
    }

    // MARK: PAMHost

    func identifyUser() -> Bool {
        let event = next("identifyUser")
        guard case .identifyUser(let result)? = event else {
            unexpected("identifyUser", event)
            return false
        }
        return result
    }

    func item(_ item: PAMItem) -> [UInt8]? { items[item].map { Array($0.utf8) } }

    func variable(_ name: StaticString) -> [UInt8]? { variables["\(name)"].map { Array($0.utf8) } }

    func setVariable(_ name: StaticString, to value: [UInt8]?) -> Bool {
        let text = value.map { String(decoding: $0, as: UTF8.self) }
        let event = next("setVariable \(name)")
        guard case .setVariable("\(name)", text, let result)? = event else {
            unexpected("setVariable \(name) \(text ?? "nil")", event)
            return false
        }
        if result { variables["\(name)"] = text }
        return result
    }

    func withAnswer(to prompt: [UInt8], _ use: (Span<UInt8>) -> AgentOutcome) -> AgentOutcome? {
        let text = String(decoding: prompt, as: UTF8.self)
        let event = next("prompt \(text)")
        guard case .prompt(text, let answer)? = event else {
            unexpected("prompt \(text)", event)
            return nil
        }
        guard let answer else { return nil }
        defer { expect(.wipe) }
        return use(answer.span)
    }

    func showError(_ text: [UInt8]) { expect(.showError(String(decoding: text, as: UTF8.self))) }

    func showInformation(_ text: [UInt8]) { expect(.showInformation(String(decoding: text, as: UTF8.self))) }

    func log(_ text: [UInt8], error: Int32) { expect(.log(String(decoding: text, as: UTF8.self), error: error)) }

    func store(session: [UInt8]?) -> Bool {
        let text = session.map { String(decoding: $0, as: UTF8.self) }
        let event = next("store")
        guard case .store(text, let result)? = event else {
            unexpected("store \(text ?? "nil")", event)
            return false
        }
        if result { stored = StoredSession(id: session, isOpenedHere: true) }
        return result
    }

    func storedSession() -> StoredSession? { stored }

    func deadline(after seconds: Int64) -> Int64 {
        clock += 1_000_000
        return clock + seconds
    }

    func exchange(
        with path: [UInt8], before deadline: Int64, _ compose: (inout JSONWriter<[UInt8]>) -> Void
    ) -> AgentOutcome {
        var writer = JSONWriter(sink: [UInt8]())
        compose(&writer)
        let text = String(decoding: writer.sink, as: UTF8.self)
        #expect(String(decoding: path, as: UTF8.self) == agent)
        deadlines.append(deadline)
        let event = next("call \(text)")
        guard case .call(text, let outcome)? = event else {
            unexpected("call \(text)", event)
            return .failed(.socket, error: 0)
        }
        return outcome
    }

    func audit(tag: [UInt8], remoteHost: [UInt8]?, terminal: [UInt8]?) -> AuditOutcome {
        func text(_ bytes: [UInt8]?) -> String? { bytes.map { String(decoding: $0, as: UTF8.self) } }
        let event = next("audit")
        guard case .audit(String(decoding: tag, as: UTF8.self), text(remoteHost), text(terminal), let outcome)? = event
        else {
            unexpected("audit \(String(decoding: tag, as: UTF8.self))", event)
            return .disabled
        }
        return outcome
    }
}

extension AgentOutcome {
    static func text(_ text: String) -> AgentOutcome { .reply(Array(text.utf8)) }

    static var nothing: AgentOutcome { .text(#"{"parameters":{}}"#) }

    static var refusal: AgentOutcome {
        .text(#"{"error":"io.usher.Agent.Refused","parameters":{"reference":"7F3K-Q2"}}"#)
    }
}

/// Answers that no method of the interface gives.
let nonsense: [String] = [
    "", "x", "{}", "{}x", "[]", "null", "{\"parameters\":[]}", "{\"parameters\":{\"x\":1}}",
    "{\"parameters\":{},\"more\":true}",
    "{\"parameters\":{},\"parameters\":{}}", "{\"error\":\"io.usher.Agent.Refused\"}",
    "{\"error\":\"io.usher.Agent.Refused\",\"parameters\":{}}",
    "{\"error\":\"io.usher.Agent.Refused\",\"parameters\":{\"reference\":7}}",
    "{\"error\":\"io.usher.Agent.Refused\",\"parameters\":{\"reference\":\"7F3K-Q\"}}",
    "{\"error\":\"io.usher.Agent.Refused\",\"parameters\":{\"reference\":\"7F3KQQ2\"}}",
    "{\"error\":\"io.usher.Agent.Refused\",\"parameters\":{\"reference\":\"7F3K-Q1\"}}",
    "{\"error\":\"io.usher.Agent.Refused\",\"parameters\":{\"reference\":\"7f3k-q2\"}}",
    "{\"error\":\"io.usher.Agent.Refused\",\"parameters\":{\"reference\":\"7F3K-Q2\",\"why\":\"x\"}}",
    "{\"error\":\"org.varlink.service.MethodNotFound\",\"parameters\":{\"method\":\"x\"}}",
    "{\"error\":null,\"parameters\":{}}", "{\"error\":\"\",\"parameters\":{}}",
]
