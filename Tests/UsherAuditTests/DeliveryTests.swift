import Foundation
import Testing
import UsherWire

@testable import UsherAudit

@Suite("delivery to the agent")
struct DeliveryTests {
    private func number(_ frame: [UInt8]?) throws -> (number: Int64, events: Int, gaps: [EvidenceGap]) {
        let frame = try #require(frame)
        #expect(frame.last == 0)
        let bytes = Array(frame.dropLast())
        let parsed = VarlinkCall.parse(bytes.span)
        let call = try #require(parsed)
        #expect(call.method.equals("io.usher.Audit.Deliver") && call.parameters["stream"] == .string([0x73]))
        guard case .integer(let number)? = call.parameters["number"],
            case .array(let events)? = call.parameters["events"],
            case .array(let gaps)? = call.parameters["gaps"]
        else {
            Issue.record("not a call")
            return (0, 0, [])
        }
        return (number, events.compactMap(AuditEvent.init).count, gaps.compactMap(EvidenceGap.init))
    }

    private func acknowledged(_ number: Int) -> [UInt8] { Array("{\"parameters\":{\"acknowledged\":\(number)}}".utf8) }

    @Test("a batch stays until it is acknowledged, and the next has the next number")
    func acknowledgement() throws {
        let parser = try #require(EventParser())
        var stream = AuditStream()
        var delivery = Delivery(stream: "s")
        stream.take(Array(Logs.command.utf8), now: 0, clock: 0)
        delivery.prepare(from: &stream, with: parser)
        delivery.send()
        let first = try number(delivery.frame)
        #expect(first.number == 1 && first.events == 1)
        stream.take(Array(Logs.command.utf8), now: 0, clock: 0)
        delivery.prepare(from: &stream, with: parser)
        delivery.send()
        let waiting = try number(delivery.frame)
        #expect(waiting.number == 1, "one at a time")
        let notKept = delivery.answer(Array("{\"error\":\"io.usher.Audit.NotKept\",\"parameters\":{}}".utf8))
        #expect(notKept == .later("io.usher.Audit.NotKept"))
        let again = try number(delivery.frame)
        #expect(again.number == 1 && again.events == 1, "delivered again")
        let wrong = delivery.answer(acknowledged(2))
        #expect(wrong == .nonsense)
        let right = delivery.answer(acknowledged(1))
        #expect(right == .acknowledged)
        #expect(delivery.hasSomething)
        delivery.send()
        let second = try number(delivery.frame)
        #expect(second.number == 2)
        let last = delivery.answer(acknowledged(2))
        #expect(last == .acknowledged)
        #expect(!delivery.hasSomething && delivery.events == 2)
    }

    @Test("a batch that the agent will never take is let go, and the next says what was in it")
    func refusal() throws {
        let parser = try #require(EventParser())
        var stream = AuditStream()
        var delivery = Delivery(stream: "s")
        stream.take(Array(Logs.command.utf8), now: 0, clock: 0)
        delivery.prepare(from: &stream, with: parser)
        delivery.send()
        let outcome = delivery.answer(
            Array("{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{}}".utf8))
        #expect(outcome == .refused("org.varlink.service.InvalidParameter"))
        delivery.send()
        let next = try number(delivery.frame)
        #expect(next.events == 0 && next.gaps.count == 1 && next.gaps.first?.lost == 1)
        #expect(next.gaps.first?.cause == .pluginDropped && next.gaps.first?.from == 1_795_280_000_101)
    }

    @Test("a batch has bounds, also of events that are as large as they may be")
    func bounds() throws {
        let parser = try #require(EventParser())
        var stream = AuditStream()
        var delivery = Delivery(stream: "s")
        let argument = String(repeating: "07", count: 3000)
        for serial in 0..<40 {
            var lines = Logs.command.replacingOccurrences(of: ":500)", with: ":\(serial))").split(separator: "\n")
                .map(String.init)
            lines.insert(
                contentsOf: (3..<25).map { "type=EXECVE msg=audit(1795280000.101:\(serial)): a\($0)=\(argument)" },
                at: 2)
            stream.take(Array((lines.joined(separator: "\n") + "\n").utf8), now: 0, clock: 0)
        }
        while !stream.isDrained {
            delivery.prepare(from: &stream, with: parser)
            delivery.send()
            let frame = try #require(delivery.frame)
            #expect(frame.count <= Limits.auditCallBytes)
            let sent = try number(frame)
            let answer = delivery.answer(acknowledged(Int(sent.number)))
            #expect(sent.events > 0 && answer == .acknowledged)
        }
    }
}
