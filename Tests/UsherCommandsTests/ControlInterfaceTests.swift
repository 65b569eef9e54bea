import Foundation
import Testing
import UsherClient
import UsherWire

@testable import UsherCommands

/// The types of Interfaces/io.usher.Control.varlink against the decoders that the client has for them.
@Suite struct ControlInterfaceTests {
    @Test func aSessionHasExactlyTheFieldsOfTheInterface() throws {
        try checkFields("type Session") { _ = try ControlSession($0) }
    }

    @Test func aRoleHasExactlyTheFieldsOfTheInterface() throws {
        try checkFields("type Role") { _ = try ControlRole($0) }
    }

    @Test func aRevocationHasExactlyTheFieldsOfTheInterface() throws {
        try checkFields("type Revocation ") { _ = try ControlRevocation($0) }
    }

    @Test func aRevocationListHasExactlyTheFieldsOfTheInterface() throws {
        try checkFields("type RevocationList ") { _ = try ControlRevocationList($0) }
    }

    @Test func anExplanationHasExactlyTheFieldsOfTheInterface() throws {
        try checkFields("method ExplainRefusal(reference: string) ->") { _ = try ControlRefusal($0) }
    }

    @Test func aHostHasExactlyTheFieldsOfTheInterface() throws {
        try checkFields("method GetHost() ->") { object in
            let agent = try ScriptedAgent(object)
            _ = try ControlClient(socket: agent.path).host()
        }
    }

    @Test func aReloadHasExactlyTheFieldsOfTheInterface() throws {
        try checkFields("method Reload() ->") { object in
            let agent = try ScriptedAgent(object)
            _ = try ControlClient(socket: agent.path).reload()
        }
    }

    @Test func residueHasExactlyTheFieldsOfTheInterface() throws {
        try checkFields("type Residue") { _ = try ControlResidue($0) }
    }

    @Test func aResidueJobHasExactlyTheFieldsOfTheInterface() throws {
        try checkFields("method ShowResidueJob(job: int) ->") { _ = try ControlResidueJob($0) }
    }

    @Test func everyMethodOfTheInterfaceHasACallAndEveryCallAMethod() throws {
        let text = try Project.text("Interfaces/io.usher.Control.varlink")
        let methods = text.split(separator: "\n").filter { $0.hasPrefix("method ") }
            .compactMap { $0.dropFirst(7).split(separator: "(").first.map(String.init) }
        let client = try Project.text("Sources/UsherClient/ControlClient.swift")
        let called = Set(methods.filter { client.contains("call(\"\($0)\"") })
        #expect(!methods.isEmpty && called == Set(methods))
        #expect(client.components(separatedBy: "call(\"").count - 1 == methods.count)
    }

    /// All fields decode; none but an optional one may be missing; no other may be there.
    private func checkFields(_ heading: String, _ decode: (JSONObject) throws -> Void) throws {
        let fields = try VarlinkFields.read(heading)
        #expect(!fields.isEmpty)
        let complete = JSONObject(fields.map { ($0.name, $0.sample) })
        try decode(complete)
        for (index, field) in fields.enumerated() {
            var object = complete
            object.members.remove(at: index)
            if field.isOptional {
                try decode(object)
            } else {
                #expect(throws: ControlError.self, "\(field.name) may be missing") { try decode(object) }
            }
        }
        var object = complete
        object.members.append(JSONObject.Member(name: Array("unknownField".utf8), value: .null))
        #expect(throws: ControlError.self) { try decode(object) }
    }
}

/// The fields that stand in parentheses after a heading of the interface file.
struct VarlinkFields {
    let name: String
    let isOptional: Bool
    let sample: JSONValue

    static func read(_ heading: String) throws -> [VarlinkFields] {
        let text = try Project.text("Interfaces/io.usher.Control.varlink")
        let start = try #require(text.range(of: heading)).upperBound
        var depth = 0
        var body = ""
        for character in text[start...] {
            if character == ")" { depth -= 1 }
            if depth > 0 { body.append(character) }
            if character == "(" { depth += 1 }
            if character == ")", depth == 0 { break }
        }
        // Commas within parentheses belong to an enumeration.
        var parts = [""]
        for character in body {
            if character == "(" { depth += 1 }
            if character == ")" { depth -= 1 }
            if character == ",", depth == 0 { parts.append("") } else { parts[parts.count - 1].append(character) }
        }
        return try parts.map { part in
            let pair = part.split(separator: ":").map { $0.filter { !$0.isWhitespace } }
            let isOptional = pair[1].hasPrefix("?")
            return VarlinkFields(
                name: pair[0], isOptional: isOptional,
                sample: try sample(isOptional ? String(pair[1].dropFirst()) : pair[1]))
        }
    }

    private static func sample(_ type: String) throws -> JSONValue {
        switch type {
        case "string": .text("text")
        case "int": .integer(7)
        case "bool": .boolean(false)
        case "[]Extension":
            .array([.object(JSONObject(try VarlinkFields.read("type Extension").map { ($0.name, $0.sample) }))])
        case "[]string": .texts(["one", "two"])
        case "[]Finding":
            .array([.record(["kind": .text("file"), "what": .text("/srv/x"), "count": .integer(1)])])
        case let other where other.hasPrefix("("): .text(String(other.dropFirst().prefix { $0 != "," }))
        default: throw Unexpected(nil)
        }
    }
}
