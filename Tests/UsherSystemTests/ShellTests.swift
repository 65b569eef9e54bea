import Foundation
import Glibc
import Testing
import UsherSystem
import UsherWire

/// The built `usher-shell` as the kernel runs it: a uid of the ephemeral range, an audit session of its own, and a
/// /run that only the test sees.
@Suite("usher-shell")
struct ShellTests {
    let scratch: Scratch
    let uid: UInt32
    private let setUp: String

    init() throws {
        scratch = try Scratch()
        uid = try freshUID()
        // Beside the test program; copied, because its own place need not be open to the account.
        let products = URL(fileURLWithPath: try Processes.executable(CurrentProcess.pid)).deletingLastPathComponent()
            .path
        try Make.program("\(products)/usher-shell", at: "\(scratch.path)/usher-shell")
        try Files.makeDirectory(scratch.path + "/run", mode: 0o755)
        setUp = """
            set -e
            mount -t tmpfs -o mode=755 tmpfs /run
            mkdir -p /run/usher/accounts
            echo \(uid) > /proc/self/loginuid
            ses=$(cat /proc/self/sessionid)
            record=/run/usher/accounts/uid.\(uid)
            enter() { exec setpriv --reuid=\(uid) --regid=\(uid) --clear-groups "$@"; }
            write() { printf 'usher-account 1\\nname u-aaaaaaaaaa\\nuid %s\\nsession s-a\\nses %s\\nshell %s\\n' "$@" > $record
                printf 'comment human:alice\\ngroups \\n' >> $record; }

            """
    }

    private var shell: String { scratch.path + "/usher-shell" }

    private func run(_ script: String, environment: [String] = Subprocess.defaultEnvironment) throws -> SubprocessResult
    {
        try Subprocess.run(
            "/usr/bin/unshare", ["-m", "/bin/sh", "-c", setUp + script], environment: environment,
            deadline: .after(milliseconds: 10_000))
    }

    private func output(_ script: String, environment: [String] = Subprocess.defaultEnvironment) throws -> String {
        let result = try run(script, environment: environment)
        #expect(String(decoding: result.errorOutput, as: UTF8.self) == "")
        #expect(result.exitStatus == 0)
        return String(decoding: result.output, as: UTF8.self)
    }

    @Test("a command runs in the role's shell, with its arguments byte for byte and its exit status")
    func command() throws {
        let show = #"printf "[%s]" "$0" "$@"; echo; exit 7"#
        let result = try run("write \(uid) $ses /bin/bash; enter \(shell) -c '\(show)' name 'a b' '' $(printf '\\377')")
        #expect(result.exitStatus == 7)
        #expect(result.output == Array("[name][a b][][".utf8) + [0xFF] + Array("]\n".utf8))
        #expect(result.errorOutput == [])
    }

    @Test("a login shell stays one: argv[0] begins with a hyphen")
    func loginShell() throws {
        let login = "exec -a -usher-shell \(shell)"
        let text = try output(
            """
            write \(uid) $ses /bin/bash
            enter bash -c 'echo "echo \\$0; shopt login_shell" | \(login)'
            """)
        #expect(text == "-bash\nlogin_shell    \ton\n")
        let plain = try output(
            "write \(uid) $ses /bin/bash; echo 'echo $0; shopt login_shell' | enter \(shell) || true")
        #expect(plain.hasPrefix("bash\n"))
    }

    @Test("only SHELL changes in the environment")
    func environment() throws {
        let text = try output(
            "write \(uid) $ses /bin/sh; enter \(shell) -c env",
            environment: ["PATH=/usr/bin:/bin", "SHELL=/usr/lib/usher/usher-shell", "A=1 2", "B="])
        let variables = Set(text.split(separator: "\n").map(String.init).filter { !$0.hasPrefix("PWD=") })
        #expect(variables == ["PATH=/usr/bin:/bin", "SHELL=/bin/sh", "A=1 2", "B="])
    }

    @Test("standard input and output pass through untouched, as file transfer needs")
    func transfer() throws {
        let text = try output(
            """
            write \(uid) $ses /bin/bash
            head -c 300000 /dev/urandom > /run/data; chmod 644 /run/data
            sha256sum < /run/data
            enter \(shell) -c 'cat | sha256sum; ls /proc/self/fd | wc -l' < /run/data
            """)
        let lines = text.split(separator: "\n")
        #expect(lines.count == 3 && lines[0] == lines[1])
        #expect(lines.last == "4")  // 0, 1, 2 and ls's own
    }

    static let refusals: [(String, String)] = [
        ("no record", ":"),
        ("another audit session", "write UID 4000000000 /bin/bash"),
        ("another uid in the record", "write 1900000001 $ses /bin/bash"),
        ("a record that the account may write", "write UID $ses /bin/bash; chown UID $record"),
        ("a record that its group may write", "write UID $ses /bin/bash; chmod 664 $record"),
        ("a directory that others may write", "write UID $ses /bin/bash; chmod 777 /run/usher/accounts"),
        ("a link for a record", "write UID $ses /bin/bash; mv $record /run/x; ln -s /run/x $record"),
        ("an empty record", ": > $record"),
        ("a record with the field twice", "write UID $ses /bin/bash; echo \"ses $ses\" >> $record"),
        ("a record that was cut", "write UID $ses /bin/bash; truncate -s -1 $record"),
        (
            "a record that is too long",
            "write UID $ses /bin/bash; head -c 5000 /dev/zero | tr '\\0' x >> $record; echo >> $record"
        ),
        ("a relative shell", "write UID $ses bash"),
        ("itself as the shell", "write UID $ses /usr/lib/usher/usher-shell"),
    ]

    @Test("anything but a live account in this audit session is refused with one line", arguments: refusals.map(\.0))
    func refuses(what: String) throws {
        let script = try #require(ShellTests.refusals.first { $0.0 == what }?.1)
        let result = try run(script.replacingOccurrences(of: "UID", with: "\(uid)") + "\nenter \(shell) -c 'echo ran'")
        #expect(result.exitStatus == 126)
        #expect(result.output == [])
        #expect(
            String(decoding: result.errorOutput, as: UTF8.self)
                == "usher-shell: refused, this account has no live session here\n")
    }

    @Test("a refusal is one line to authpriv that gives the reason")
    func logs() throws {
        let listen = """
            import os, socket
            s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind("/dev/log"); os.chmod("/dev/log", 0o666)
            print(s.recv(4096).decode())
            """
        let result = try run(
            """
            mount -t tmpfs -o mode=755 tmpfs /dev
            mknod -m 666 /dev/null c 1 3
            /usr/bin/python3 -c '\(listen)' &
            while ! [ -S /dev/log ] || [ "$(stat -c %a /dev/log)" != 666 ]; do sleep 0.01; done
            ( enter \(shell) -c true ) || true
            wait
            """)
        let line = String(decoding: result.output, as: UTF8.self)
        // LOG_AUTHPRIV is 10, LOG_WARNING 4: 10 * 8 + 4.
        #expect(line.hasPrefix("<84>"))
        #expect(line.contains(" usher-shell["))
        #expect(line.contains("]: refused: no live account has uid \(uid): open /run/usher/accounts/uid.\(uid): "))
    }

    @Test("root, an ordinary uid and a process without an audit session are refused")
    func otherCallers() throws {
        for script in [
            "write \(uid) $ses /bin/bash; \(shell) -c 'echo ran'",
            "write \(uid) $ses /bin/bash; setpriv --reuid=1000 --clear-groups \(shell) -c 'echo ran'",
            "write \(uid) 4294967295 /bin/bash; echo 4294967295 > /proc/self/loginuid; enter \(shell) -c 'echo ran'",
        ] {
            let result = try run(script)
            #expect(result.exitStatus == 126)
            #expect(result.output == [])
        }
    }

    @Test("a shell that cannot be run is said so", arguments: [("/no/such/shell", Int32(127)), ("/etc/passwd", 126)])
    func badShell(path: String, status: Int32) throws {
        let result = try run("write \(uid) $ses \(path); enter \(shell) -c 'echo ran'")
        #expect(result.exitStatus == status)
        #expect(String(decoding: result.errorOutput, as: UTF8.self).hasPrefix("usher-shell: exec \(path): "))
    }
}
