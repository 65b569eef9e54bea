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

    private static func rootEquivalents() -> String {
        let rows = RootEquivalent.groups.sorted { $0.key < $1.key }.map { "| `\($0.key)` | \($0.value) |" }
        return (["| group | why |", "|---|---|"] + rows).joined(separator: "\n")
    }
}
