/// Fixed places on a host. The NSS module and sshd know them without configuration.
public enum Paths {
    public static let agentSocket: StaticString = "/run/usher/agent.sock"
    public static let controlSocket: StaticString = "/run/usher/control.sock"
    /// Where `usher-audit` delivers.
    public static let auditSocket: StaticString = "/run/usher/audit.sock"
    /// One file for each live account, named by the account, and one named by its uid; see AccountRecord.
    public static let accounts: StaticString = "/run/usher/accounts"
    /// Homes of ephemeral accounts: `/run/usher/home/NAME`, each a tmpfs of its own.
    public static let homes: StaticString = "/run/usher/home"
    /// The login shell of every ephemeral account; sshd freezes it before the ticket is known.
    public static let shell: StaticString = "/usr/lib/usher/usher-shell"
    public static let configuration: StaticString = "/etc/usher"
    public static let state: StaticString = "/var/lib/usher"
}
