import Testing

@testable import UsherCommands

@Suite struct ExportCommandTests {
    @Test(arguments: [
        ("siem.example:6514", "siem.example", 6514), ("192.0.2.7:1", "192.0.2.7", 1),
        ("[2001:db8::1]:65535", "2001:db8::1", 65_535),
    ])
    func aReceiverIsAHostAndAPort(text: String, host: String, port: UInt16) throws {
        let address = try #require(ReceiverAddress(argument: text))
        #expect(address.host == host && address.port == port)
    }

    @Test(arguments: [
        "siem", "siem:", ":6514", "siem:0", "siem:65536", "siem:-1", "2001:db8::1:6514", "si em:1", "[]:1",
    ])
    func anythingElseIsRefused(text: String) {
        #expect(ReceiverAddress(argument: text) == nil)
    }

    @Test func aProgramWithoutTLSSaysSo() {
        let result = TestConsole().run("evidence", "export", "syslog", "--to", "a:1", "--ca", "ca.pem")
        #expect(result.status == .failure && result.notices.contains("without TLS"))
    }
}
