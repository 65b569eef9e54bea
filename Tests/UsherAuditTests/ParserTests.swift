import Foundation
import Testing
import UsherWire

@testable import UsherAudit

@Suite("libauparse's events")
struct ParserTests {
    @Test("logs that nobody here wrote are read without loss: every record, every stamp")
    func foreignLogs() throws {
        for (name, text) in try Logs.foreign() {
            let found = outcome(of: text, filters: false)
            let expected = count(text)
            #expect(found.gaps.isEmpty && found.unread == 0, "\(name)")
            #expect(found.events.reduce(0) { $0 + $1.records } == expected.records, "\(name)")
            #expect(Set(found.events.map(\.stamp)).count == expected.stamps.count, "\(name)")
            #expect(found.events.count == expected.stamps.count, "\(name): one event a stamp")
            for event in found.events where event.type != "LOGIN" {
                #expect(text.contains("type=\(event.type) "), "\(name)")
            }
        }
    }

    @Test("a program's start has its arguments, its directory, its file and who started it")
    func command() throws {
        let found = outcome(of: Logs.command)
        let event = try #require(found.events.first)
        #expect(found.events.count == 1 && found.gaps.isEmpty && found.unread == 0)
        #expect(event.stamp == AuditEvent.Stamp(milliseconds: 1_795_280_000_101, serial: 500))
        #expect(event.type == "SYSCALL" && event.keys == ["usher-exec"] && event.records == 5)
        #expect(event.command?.arguments == [Array("cp".utf8), Array("--a b\n".utf8), Array("/tmp/x".utf8)])
        #expect(event.command?.isCut == false)
        #expect(event.workingDirectory == Array("/run/usher/home/u-aaaaaaaaaa".utf8))
        #expect(event.systemCall?.name == "execve" && event.systemCall?.succeeded == true)
        #expect(event.systemCall?.arguments == [0x55d0, 0x55d1, 0x55d2, 8])
        let process = try #require(event.process)
        #expect(process.pid == 901 && process.parent == 900 && process.auid == 1_879_050_000 && process.ses == 77)
        #expect(process.executable == Array("/usr/bin/cp".utf8) && process.terminal == Array("pts3".utf8))
        let path = try #require(event.paths.first)
        #expect(path.name == Array("/usr/bin/cp".utf8) && path.kind == "NORMAL" && path.mode == 0o100755)
    }

    @Test("an argument that is longer than a record is put together again; one that is missing is told")
    func longArguments() throws {
        let text = """
            type=SYSCALL msg=audit(5.001:7): arch=c000003e syscall=59 success=yes exit=0 a0=1 a1=2 a2=3 a3=4 items=2 \
            ppid=1 pid=2 auid=1879050000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=(none) ses=3 \
            comm="x" exe="/x" key="usher-exec"
            type=EXECVE msg=audit(5.001:7): argc=3 a0="x" a1_len=6 a1[0]=414243
            type=EXECVE msg=audit(5.001:7): a1[1]="DEF"
            type=PROCTITLE msg=audit(5.001:7): proctitle="x"

            """
        let event = try #require(outcome(of: text).events.first)
        #expect(event.command?.arguments == [Array("x".utf8), Array("ABCDEF".utf8)])
        #expect(event.command?.isCut == true, "argc says three")
        #expect(event.process?.terminal == nil)
    }

    @Test("what a program writes into its own record does not change whom the kernel names")
    func forgedIdentity() throws {
        let text = """
            type=USER_CMD msg=audit(5.002:8): pid=10 uid=1001 auid=1879050000 ses=4 msg='cwd="/" cmd=6964 \
            terminal=pts/0 auid=0 ses=9 pid=1 uid=0 res=success'

            """
        let process = try #require(outcome(of: text).events.first?.process)
        #expect(process.pid == 10 && process.uid == 1001 && process.auid == 1_879_050_000 && process.ses == 4)
    }

    @Test(
        "addresses are those that were connected to",
        arguments: [
            ("02000050C0000201" + "0000000000000000", AuditEvent.Address.internet(address: "192.0.2.1", port: 80)),
            (
                "0A0001BB00000000" + "20010DB8000000000000000000000001" + "00000000",
                .internet(address: "2001:db8::1", port: 443)
            ),
            ("01002F72756E2F7800", .local(Array("/run/x".utf8))), ("0100006162", .local([0, 0x61, 0x62])),
            ("1000", .other(family: 16)),
        ])
    func addresses(hexadecimal: String, expected: AuditEvent.Address) throws {
        let text = """
            type=SYSCALL msg=audit(5.003:9): arch=c000003e syscall=42 success=no exit=-111 a0=3 a1=2 a2=10 a3=4 items=0 \
            ppid=1 pid=2 auid=1879050000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=(none) ses=3 \
            comm="x" exe="/x" key="usher-net"
            type=SOCKADDR msg=audit(5.003:9): saddr=\(hexadecimal)
            type=PROCTITLE msg=audit(5.003:9): proctitle="x"

            """
        let event = try #require(outcome(of: text).events.first)
        #expect(event.address == expected)
        #expect(event.systemCall?.name == "connect" && event.systemCall?.succeeded == false)
        #expect(event.systemCall?.exit == -111)
    }

    @Test("a login's record and the system call that it is part of are one event")
    func login() throws {
        let text = Logs.command.replacingOccurrences(of: "usher-exec", with: "x")
        let login =
            "type=LOGIN msg=audit(1795280000.101:500): pid=901 uid=0 old-auid=4294967295 auid=1879050000 "
            + "tty=(none) old-ses=4294967295 ses=77 res=1\n"
        let found = outcome(of: login + text)
        #expect(found.events.count == 1 && found.events.first?.type == "LOGIN" && found.events.first?.records == 6)
    }

    @Test("a time that nobody can compute with is none", arguments: ["-1", "4000000000001", "9223372036854775807"])
    func strangeTimes(time: String) throws {
        var writer = JSONWriter(sink: [UInt8]())
        let event = try #require(outcome(of: Logs.command).events.first)
        event.write(to: &writer)
        let text = String(decoding: writer.sink, as: UTF8.self)
        let strange = text.replacing("\"time\":1795280000101", with: "\"time\":\(time)")
        #expect(strange != text)
        #expect(AuditEvent(try JSONParser.parse(Array(strange.utf8).span)) == nil)
        let gap = #"{"from":0,"to":\#(time),"cause":"plugin down","detail":""}"#
        #expect(EvidenceGap(try JSONParser.parse(Array(gap.utf8).span)) == nil)
    }

    @Test("an event says the same after its way through JSON")
    func codec() throws {
        var events = outcome(of: Logs.command).events
        for (_, text) in try Logs.foreign() { events += outcome(of: text, filters: false).events }
        var strange = try #require(events.first)
        strange.command = AuditEvent.Command(arguments: [[0xFF, 0], [], Array("\"\\\u{1}".utf8)], isCut: true)
        strange.stamp.serial = UInt64.max
        strange.paths[0].inode = UInt64.max
        strange.address = .local([0, 1, 0xFE])
        strange.systemCall?.exit = .min
        events.append(strange)
        for event in events {
            var writer = JSONWriter(sink: [UInt8]())
            event.write(to: &writer)
            let value = try JSONParser.parse(writer.sink.span)
            #expect(AuditEvent(value) == event)
        }
        let gap = EvidenceGap(from: 1, to: 2, cause: .kernelLost, lost: 3, detail: "x")
        var writer = JSONWriter(sink: [UInt8]())
        gap.write(to: &writer)
        let value = try JSONParser.parse(writer.sink.span)
        #expect(EvidenceGap(value) == gap)
    }
}
