internal import UsherEvidence
internal import UsherPolicy

/// `Docs/Configuration.md`, made from the keys that the readers use.
public enum ConfigurationReference {
    /// The whole page.
    public static func markdown() -> String {
        """
        # Configuration

        This page is made from the code that reads the files (`ConfigurationReference`); a test compares the two.

        All files are [TOML 1.0](https://toml.io/en/v1.0.0) of at most 64 KiB, without what no key takes: fractions,
        dates, integers in other bases, strings of several lines, lists of tables, dotted keys inside inline tables.

        A key that is not known here, a value of another type or outside of its range, and a key given twice are
        mistakes: `usherd --check` shows each with file, line and column, and the agent does not start with one. On
        a reload a mistake keeps what stood before.

        ## The agent: `/etc/usher/usherd.toml`
        Every key can be left out, and so can the file.

        \(table(AgentConfiguration.Keys.all))

        ## A role: `/etc/usher/roles.d/NAME.toml`
        What an operator gets who comes with a ticket for it. A ticket can narrow a role and never widen it.

        \(table(RoleFile.Keys.all))

        Only a role with `privileged = true` may name the account `root` or one of these groups:

        \(rootEquivalents())

        ## A trust entry: `/etc/usher/trust.d/NAME.toml`
        A broker's public key and what it may sign. No two entries may hold the same key. One with
        `signs = "revocations"` has neither `uses` nor `roles` nor `accounts`: it signs lists of what is revoked, and no
        ticket.

        \(table(TrustFile.Keys.all))

        ## A rule of detection: `/etc/usher/detect.d/NAME.toml`
        What to look for in the evidence of sessions. All conditions that a rule gives must hold, of a list one. In a
        pattern `*` is any characters, slashes too, and `?` is one. Rules to begin with are in
        `/usr/share/usher/detect.d`; `usher detect test` tries one on stored evidence.

        \(table(DetectionFile.Keys.all))

        | `on` | what happened |
        |---|---|
        \(triggers())

        ## Secrets in arguments
        These rules are built in; `mask` adds to them, `mask_except` takes from them. auditd's own log is not masked.

        | form | what is replaced |
        |---|---|
        | `option:--password` | the word behind it; `option:-p@sshpass` in these programs alone |
        | `attached:-p@mysql,mariadb` | what follows in the same word, in these programs |
        | `login:-u@curl` | what stands behind the colon of the next word, in these programs |
        | `assignment:token` | the value of a name that ends so, behind `=`, or `:` where the name is in quotes |
        | `header:authorization` | the value of an HTTP header; its scheme (`Bearer`) stays |
        | `prefix:ghp_` | the rest of a word that begins so and goes on for 12 or more letters, digits, `_-.` |
        | `url` | the password of `scheme://user:password@host` |
        | `private-key` | everything from `-----BEGIN … PRIVATE KEY-----` on |

        Built in: \(MaskRule.builtIn.map { "`\($0)`" }.joined(separator: ", ")).

        """
    }

    private static func table(_ keys: [KeyDescription]) -> String {
        let rows = keys.map { key in
            "| `\(key.name)` | \(key.form) | \(key.fallback.map { code($0) } ?? "must be given") | \(key.summary) |"
        }
        return (["| key | value | default | what it does |", "|---|---|---|---|"] + rows).joined(separator: "\n")
    }

    /// Values as code, words as words.
    private static func code(_ fallback: String) -> String {
        fallback.contains(" ") && !fallback.hasPrefix("[") ? fallback : "`\(fallback)`"
    }

    private static func triggers() -> String {
        let meanings: [DetectionRule.Trigger: String] = [
            .exec: "a program was started, or could not be",
            .privilegeGain: "root's rights came from something else than one of `doors`",
            .authentication: "a login or an authentication, as PAM tells it",
            .file: "a file that the audit rules watch was read, written, removed, renamed, or got other rights",
            .foreignFile: "that, of another session: below its home, or owned by its account",
            .connect: "a connection to another host", .listen: "a socket that waits for connections",
            .accept: "a connection that was taken", .account: "accounts or groups of the host were changed",
            .audit: "the kernel's audit or auditd was reconfigured or stopped",
            .loginuid: "a process took another loginuid, and left its session with it",
            .control: "the agent refused what a caller inside a session asked of it",
            .signal: "a signal was sent, or a process traced", .gap: "evidence may be missing", .any: "anything",
        ]
        return DetectionRule.Trigger.allCases.map { "| `\($0.rawValue)` | \(meanings[$0] ?? "") |" }
            .joined(separator: "\n")
    }

    private static func rootEquivalents() -> String {
        let rows = RootEquivalent.groups.sorted { $0.key < $1.key }.map { "| `\($0.key)` | \($0.value) |" }
        return (["| group | why |", "|---|---|"] + rows).joined(separator: "\n")
    }
}
