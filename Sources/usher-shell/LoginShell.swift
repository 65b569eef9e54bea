import UsherSystem
import UsherWire

/// Finds the shell of the session that this process belongs to. Without a live account of this uid, in this audit
/// session, there is none: that is what makes a crontab or a `sudo -u` that was left behind useless.
enum LoginShell {
    static let identity = "usher-shell"

    struct Refusal: Error {
        /// For the log.
        var reason: String
    }

    /// The absolute path of the role's shell.
    static func path(uid: UInt32, auditSession: UInt32?) throws(Refusal) -> String {
        guard EphemeralAccount.contains(uid: uid) else {
            throw Refusal(reason: "uid \(uid) is not that of an ephemeral account")
        }
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try Files.read(
                "\(Paths.accounts)/uid.\(uid)", limit: AccountRecord.accountBytes, rules: .rootOnly)
        } catch {
            throw Refusal(reason: "no live account has uid \(uid): \(error)")
        }
        guard try number("uid", bytes) == uid else { throw Refusal(reason: "the account's file is another uid's") }
        guard let auditSession, try number("ses", bytes) == auditSession else {
            let found = auditSession.map(String.init) ?? "none"
            throw Refusal(reason: "uid \(uid) is live, but not in audit session \(found)")
        }
        let shell = String(decoding: bytes[try field("shell", bytes)], as: UTF8.self)
        guard shell.hasPrefix("/"), shell != Paths.shell.description else {
            throw Refusal(reason: "the role's shell is not a path of another program")
        }
        return shell
    }

    /// What the shell is given: argv[0] names it and keeps the `-` of a login shell, the rest stays as it is.
    static func arguments(_ given: [[UInt8]], shell: String) -> [[UInt8]] {
        let isLogin = given.first?.first == UInt8(ascii: "-")
        let name = shell.utf8.split(separator: UInt8(ascii: "/")).last.map(Array.init) ?? Array(shell.utf8)
        return [(isLogin ? [UInt8(ascii: "-")] : []) + name] + given.dropFirst()
    }

    /// The environment with SHELL naming the real shell.
    static func environment(_ given: [[UInt8]], shell: String) -> [[UInt8]] {
        let name = Array("SHELL=".utf8)
        return given.filter { variable in !variable.starts(with: name) } + [name + Array(shell.utf8)]
    }

    private static func number(_ name: StaticString, _ bytes: [UInt8]) throws(Refusal) -> UInt32 {
        guard let number = AccountRecord.number(try field(name, bytes), in: bytes.span) else {
            throw Refusal(reason: "the account's file has no number for \(name)")
        }
        return number
    }

    private static func field(_ name: StaticString, _ bytes: [UInt8]) throws(Refusal) -> Range<Int> {
        guard let range = AccountRecord.field(name, header: AccountRecord.accountHeader, in: bytes.span) else {
            throw Refusal(reason: "the account's file has no \(name)")
        }
        return range
    }
}
