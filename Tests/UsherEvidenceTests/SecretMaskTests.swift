import Testing
import UsherEvidence

@Suite struct SecretMaskTests {
    private let mask = SecretMask()

    private func masked(_ words: [String], _ mask: SecretMask? = nil) -> ([String], Int) {
        let (arguments, count) = (mask ?? self.mask).masked(words.map { Array($0.utf8) })
        return (arguments.map { String(decoding: $0, as: UTF8.self) }, count)
    }

    @Test(arguments: [
        (["mysql", "-psecret", "-u", "root"], ["mysql", "-p***", "-u", "root"]),
        (["/usr/bin/mysqldump", "--password=a b;c", "db"], ["/usr/bin/mysqldump", "--password=***", "db"]),
        (["psql", "--password", "hunter2", "-h", "db"], ["psql", "--password", "***", "-h", "db"]),
        (["sudo", "mysql", "-psecret"], ["sudo", "mysql", "-p***"]),
        (["sh", "-c", "mysql -psecret -u root | tee x"], ["sh", "-c", "mysql -p*** -u root | tee x"]),
        (["sh", "-c", "tool --token 'a b c' --verbose"], ["sh", "-c", "tool --token '***' --verbose"]),
        (["sh", "-c", "PGPASSWORD=x psql -c 'select 1'"], ["sh", "-c", "PGPASSWORD=*** psql -c 'select 1'"]),
        (["env", "DB_PASSWORD=a;b", "run"], ["env", "DB_PASSWORD=***", "run"]),
        (
            ["curl", "-H", "Authorization: Bearer abc.def", "https://h/x"],
            ["curl", "-H", "Authorization: Bearer ***", "https://h/x"]
        ),
        (
            ["sh", "-c", "curl -H \"X-Api-Key: abc def\" https://h/x"],
            ["sh", "-c", "curl -H \"X-Api-Key: ***\" https://h/x"]
        ),
        (["curl", "https://u:p@ss@h:8/x?a=1"], ["curl", "https://u:***@h:8/x?a=1"]),
        (["curl", "https://h/x?a=1&token=abc&b=2"], ["curl", "https://h/x?a=1&token=***&b=2"]),
        (["curl", "-u", "alice:pw", "https://h"], ["curl", "-u", "alice:***", "https://h"]),
        (
            ["curl", "-d", "{\"user\": \"a\", \"password\": \"b\"}"],
            ["curl", "-d", "{\"user\": \"a\", \"password\": \"***\"}"]
        ),
        (["sh", "-c", "echo cookie: yes; rm -rf /"], ["sh", "-c", "echo cookie: *** rm -rf /"]),
        (["git", "clone", "ghp_0123456789abcdefABCD"], ["git", "clone", "ghp_***"]),
        (["aws", "AKIAIOSFODNN7EXAMPLE"], ["aws", "AKIA***"]),
        (["x", "eyJhbGciOiJFZERTQSJ9.eyJhIjoxfQ.c2ln"], ["x", "eyJ***"]),
        (["x", "-----BEGIN PRIVATE KEY-----\nMC4="], ["x", "***"]),
        (["sshpass", "-p", "pw", "ssh", "-p", "22", "h"], ["sshpass", "-p", "***", "ssh", "-p", "***", "h"]),
    ])
    func aSecretIsMaskedAndTheRestStays(words: [String], expected: [String]) {
        let (found, count) = masked(words)
        #expect(found == expected)
        #expect(count == zip(words, expected).filter { $0 != $1 }.count)
    }

    @Test(arguments: [
        ["ls", "-l", "/etc"], ["ssh", "-p", "2222", "host"], ["mkdir", "-parents"], ["mysql", "-p"],
        ["mysql", "--password", "-u", "root"], ["cat", "/etc/passwd"], ["echo", "PWD=/root"],
        ["curl", "https://host:443/a@b"], ["vi", "token.txt"], ["cp", "--token-file=/x", "y"],
        ["git", "log", "--author=Bob: x"], ["ghp_short"], ["date", "+%H:%M"],
    ])
    func whatIsNoSecretStays(words: [String]) {
        #expect(masked(words) == (words, 0))
    }

    @Test func theProgramIsNeverMasked() {
        #expect(masked(["--password", "x"]) == (["--password", "***"], 1))
        #expect(masked(["mysql"]) == (["mysql"], 0))
    }

    @Test func rulesAreSpelledAsTheConfigurationHasThem() throws {
        for rule in MaskRule.builtIn { #expect(MaskRule(rule.description) == rule) }
        for wrong in ["", "option:", "option:password", "attached:-p", "header:a b", "prefix:x", "url:x", "secret"] {
            #expect(MaskRule(wrong) == nil, "\(wrong)")
        }
        let pin = try #require(MaskRule("option:--pin@bank"))
        #expect(masked(["bank", "--pin", "1234"], SecretMask([pin])) == (["bank", "--pin", "***"], 1))
        #expect(masked(["other", "--pin", "1234"], SecretMask([pin])) == (["other", "--pin", "1234"], 0))
        #expect(masked(["x", "--password=1"], SecretMask([pin])) == (["x", "--password=1"], 0))
    }

    @Test func rawRecordsAreMaskedInTheirOwnEncoding() {
        func line(_ text: String) -> (String, Int) {
            let (line, count) = mask.masked(record: Array(text.utf8))
            return (String(decoding: line, as: UTF8.self), count)
        }
        let head = "msg=audit(1364481363.243:24287): "
        #expect(
            line("type=EXECVE \(head)argc=3 a0=\"mysql\" a1=\"-psecret\" a2=\"-u\"")
                == ("type=EXECVE \(head)argc=3 a0=\"mysql\" a1=\"-p***\" a2=\"-u\"", 1))
        // sh -c "mysql -px"
        #expect(
            line("type=EXECVE \(head)argc=3 a0=\"sh\" a1=\"-c\" a2=6D7973716C202D7078")
                == ("type=EXECVE \(head)argc=3 a0=\"sh\" a1=\"-c\" a2=6D7973716C202D702A2A2A", 1))
        #expect(
            line("type=PROCTITLE \(head)proctitle=6D7973716C002D7078")
                == ("type=PROCTITLE \(head)proctitle=6D7973716C002D702A2A2A", 1))
        let user =
            "type=USER_CMD msg=audit(1.0:2): pid=1 msg='cwd=\"/\" cmd=6D7973716C202D7078 terminal=pts/0 "
            + "res=success'"
        #expect(line(user) == (user.replacing("2D7078", with: "2D702A2A2A"), 1))
        let other = "type=SYSCALL \(head)a0=7ff a1=6D79 exe=\"/usr/bin/mysql\""
        #expect(line(other) == (other, 0))
    }

    /// Each would take minutes in quadratic time.
    @Test func hostileArgumentsAsLongAsTheKernelTakesAreRead() {
        for (unit, masks) in [
            ("password=&", false), ("a:", false), ("://a:@", false), ("'token':", true), ("ghp_", true),
            ("-----BEGIN ", false), ("\"=", false), ("x=y&", false), ("token=a ", true), (" cookie: ", true),
        ] {
            let text = Array(String(repeating: unit, count: 131_071 / unit.utf8.count).utf8)
            #expect((mask.masked([Array("x".utf8), text]).count > 0) == masks, "\(unit)")
        }
    }
}
