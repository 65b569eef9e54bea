import Foundation
import Glibc
import Testing
import UsherTicket
import UsherWire

@testable import UsherCommands

@Suite struct KeyNewTests {
    @Test func aNewKeyIsReadableByItsOwnerAlone() throws {
        let directory = try TemporaryDirectory()
        let result = TestConsole().run("key", "new", "--out", directory.file("key"))
        #expect(result.status == .success)
        #expect(try directory.mode("key") == 0o600)
        let key = try PrivateKey(jwk: Array(directory.text("key").utf8))
        #expect(result.output == key.publicKey.keyID + "\n")
        #expect(!result.output.contains("\"d\"") && !result.notices.contains("\"d\""))
    }

    @Test func anExistingFileIsNeverOverwritten() throws {
        let directory = try TemporaryDirectory()
        try directory.write("key", "precious")
        try FileManager.default.createSymbolicLink(
            atPath: directory.file("link"), withDestinationPath: directory.file("nowhere"))
        for name in ["key", "link"] {
            let result = TestConsole().run("key", "new", "--out", directory.file(name))
            #expect(result.status == .failure && result.output.isEmpty)
            #expect(result.notices.contains("exists, and a key is never overwritten"))
        }
        #expect(try directory.text("key") == "precious")
        #expect(!FileManager.default.fileExists(atPath: directory.file("nowhere")))
    }

    @Test func aMissingDirectoryIsSaidWithItsName() throws {
        let result = TestConsole().run("key", "new", "--out", "/nonexistent/key")
        #expect(result.status == .notFound && result.notices.contains("/nonexistent"))
    }

    @Test func jsonNamesTheKeyAndTheFile() throws {
        let directory = try TemporaryDirectory()
        let result = TestConsole().run("key", "new", "--json", "--out", directory.file("key"))
        let key = try PrivateKey(jwk: Array(directory.text("key").utf8)).publicKey
        #expect(result.json?["kid"] == .text(key.keyID) && result.json?["thumbprint"] == .text(key.thumbprint))
        #expect(result.json?["file"] == .text(directory.file("key")))
    }

    @Test func noTwoKeysAreTheSame() throws {
        let directory = try TemporaryDirectory()
        let ids = (0..<8).map { TestConsole().run("key", "new", "--out", directory.file("key\($0)")).output }
        #expect(Set(ids).count == 8)
    }
}

@Suite struct KeyShowTests {
    @Test func onlyThePublicPartIsShown() throws {
        let directory = try TemporaryDirectory()
        let console = TestConsole()
        let kid = console.run("key", "new", "--out", directory.file("key")).output.dropLast()
        let secret = try #require(try JSONText.parse(directory.text("key"))["d"]?.text)
        for style in [Style.plain, Style(isTerminal: true, usesColour: true)] {
            console.style = style
            for arguments in [[], ["--json"]] {
                let result = console.run(["key", "show", directory.file("key")] + arguments)
                #expect(result.status == .success && result.output.contains(kid))
                #expect(!(result.output + result.notices).contains(secret))
            }
        }
    }

    @Test func whatShowPrintsIsAPublicKeyFile() throws {
        let directory = try TemporaryDirectory()
        let console = TestConsole()
        _ = console.run("key", "new", "--out", directory.file("key"))
        let shown = console.run("key", "show", directory.file("key")).output
        try directory.write("public", shown, mode: 0o644)
        #expect(console.run("key", "show", directory.file("public")).output == shown)
        #expect(try PublicKey(jwk: Array(shown.utf8.dropLast())).jwk() + "\n" == shown)
    }

    @Test(arguments: [0o640, 0o604, 0o660, 0o644, 0o610])
    func aPrivateKeyThatOthersMayReadIsRefused(_ mode: Int) throws {
        let directory = try TemporaryDirectory()
        _ = TestConsole().run("key", "new", "--out", directory.file("key"))
        try directory.setMode(mode, "key")
        for arguments in [
            ["key", "show", directory.file("key")],
            ["ticket", "issue", "--key", directory.file("key"), "--issuer", "ci", "--host", "h-abcdefghij234567"]
                + ["--subject", "human:alice", "--role", "dba"],
        ] {
            let result = TestConsole().run(arguments)
            #expect(result.status == .failure && result.output.isEmpty)
            #expect(result.notices.contains("mode 0\(String(mode, radix: 8))"))
        }
    }

    @Test(arguments: ["", "{}", "not json", "{\"kty\":\"RSA\"}", String(repeating: "x", count: 5000)])
    func whatIsNoKeyIsRefused(_ text: String) throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write("key", text, mode: 0o600)
        let result = TestConsole().run("key", "show", path)
        #expect(result.status == .failure && result.output.isEmpty && result.notices.contains(path))
    }

    @Test func aFIFOOrADirectoryIsRefusedAtOnce() throws {
        let directory = try TemporaryDirectory()
        // A NUL-terminated copy of the path that lives for the call.
        #expect(unsafe mkfifo(directory.file("fifo"), 0o600) == 0)
        for path in [directory.file("fifo"), directory.path] {
            #expect(TestConsole().run("key", "show", path).status == .failure)
        }
        #expect(TestConsole().run("key", "show", directory.file("none")).status == .notFound)
    }
}

@Suite struct KeyTrustTests {
    @Test func anEntryHoldsThePublicPartAndWhatItMaySign() throws {
        let host = try TestHost()
        let result = host.trust("--role", "dba", "--role", "operator", "--account", "www", "--use", "login")
        #expect(result.status == .success)
        let text = try host.directory.text("etc/usher/trust.d/ci.toml")
        let secret = try #require(try JSONText.parse(host.directory.text("broker.jwk"))["d"]?.text)
        #expect(!text.contains(secret))
        #expect(text.contains(#"roles = ["dba","operator"]"#) && text.contains(#"accounts = ["www"]"#))
        #expect(try host.directory.mode("etc/usher/trust.d/ci.toml") == 0o644)
        #expect(result.notices.contains("this host has no role operator"))
    }

    @Test func anEntryIsNeverOverwrittenAndAKeyTrustedOnce() throws {
        let host = try TestHost()
        #expect(host.trust("--role", "dba").status == .success)
        let before = try host.directory.text("etc/usher/trust.d/ci.toml")
        let again = host.trust("--role", "dba", "--name", "other")
        #expect(again.status == .failure && again.notices.contains("is also that of"))
        _ = TestConsole().run("key", "new", "--out", host.directory.file("second.jwk"))
        let second = host.trust("--role", "dba", key: "second.jwk")
        #expect(second.status == .failure && second.notices.contains("exists: choose another --name"))
        #expect(try host.directory.text("etc/usher/trust.d/ci.toml") == before)
    }

    @Test(arguments: [
        ["--issuer", "ci\"\nuses = [\"breakglass\"]\n#", "--role", "dba"], ["--issuer", "", "--role", "dba"],
        ["--issuer", "ci", "--role", "DBA"], ["--issuer", "ci", "--role", "dba", "--account", "a/b"],
        ["--issuer", "ci", "--role", "dba", "--name", "../evil"], ["--issuer", "ci", "--role", "dba", "--name", ""],
        ["--issuer", "ci\\", "--role", "dba"], ["--issuer", "ci\u{7F}", "--role", "dba"],
    ])
    func aValueThatDoesNotBelongThereWritesNothing(_ arguments: [String]) throws {
        let host = try TestHost()
        let result = TestConsole().run(
            ["key", "trust", "--root", host.directory.path] + arguments + [host.directory.file("broker.jwk")])
        #expect(result.status == .usage && result.output.isEmpty)
        let entries = try FileManager.default.contentsOfDirectory(atPath: host.directory.file("etc/usher/trust.d"))
        #expect(entries.isEmpty)
    }

    @Test(arguments: [
        ("https://broker.example.org", "broker-example-org"), ("ci", "ci"), ("42-CI_x", "ci-x"), ("---", "broker"),
        ("https://a.example/really/long/path/to/a/broker", "a-example-really-long-path-to-a"),
    ])
    func theEntrysNameIsMadeFromTheIssuer(_ issuer: String, _ name: String) {
        #expect(KeyTrust.entryName(issuer) == name)
    }
}

/// An enrolled host in a directory, with a broker's key and one role.
struct TestHost {
    let directory: TemporaryDirectory
    let id: String

    init() throws {
        directory = try TemporaryDirectory()
        try FileManager.default.createDirectory(atPath: directory.file("etc"), withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: directory.file("var/lib"), withIntermediateDirectories: true)
        let enrolled = TestConsole().run("host", "enrol", "--root", directory.path)
        guard enrolled.status == .success else { throw Unexpected(Failure(enrolled.notices)) }
        id = String(enrolled.output.dropLast())
        let made = TestConsole().run("key", "new", "--out", directory.file("broker.jwk"))
        guard made.status == .success else { throw Unexpected(Failure(made.notices)) }
        try directory.write("etc/usher/roles.d/dba.toml", "name = \"dba\"\nmax_duration = 3600\n")
    }

    func trust(_ arguments: String..., key: String = "broker.jwk") -> TestConsole.Result {
        TestConsole().run(
            ["key", "trust", "--root", directory.path, "--issuer", "ci"] + arguments + [directory.file(key)])
    }

    func issue(_ arguments: String..., console: TestConsole = TestConsole()) -> TestConsole.Result {
        console.run(
            ["ticket", "issue", "--key", directory.file("broker.jwk"), "--issuer", "ci", "--host", id]
                + ["--subject", "human:alice", "--role", "dba"] + arguments)
    }

    func inspect(_ ticket: String, _ arguments: String..., now: Int64? = nil) -> TestConsole.Result {
        let console = TestConsole()
        if let now { console.now = now }
        console.input = Array(ticket.utf8)
        return console.run(["ticket", "inspect", "--json", "--root", directory.path] + arguments)
    }
}
