import CUsherLinux
import Glibc

/// The host's log, for programs that have no journal of their own to write to.
public enum SystemLog {
    public enum Priority: Sendable { case error, warning, notice }

    /// One line to the facility authpriv, where refused logins stand.
    public static func authentication(_ priority: Priority, identity: String, _ text: String) {
        let number =
            switch priority {
            case .error: LOG_ERR
            case .warning: LOG_WARNING
            case .notice: LOG_NOTICE
            }
        // Both strings are NUL-terminated copies that live for the call.
        unsafe usher_syslog_authpriv(number, identity, text)
    }
}
