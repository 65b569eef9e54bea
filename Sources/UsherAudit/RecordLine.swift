/// One line of auditd's stream, taken apart as far as the assembly of events needs it:
/// `[node=NAME ]type=TYPE msg=audit(SECONDS.MILLIS:SERIAL): REST`.
struct RecordLine: Equatable {
    /// What a record's type says about the event that it belongs to.
    enum Kind: Equatable {
        /// SYSCALL: whose event it is.
        case systemCall
        /// What the kernel adds to a SYSCALL record; says by itself nothing about whose event it is.
        case companion
        /// PROCTITLE, the last record of a system call's event, as libauparse takes it too.
        case title
        /// EOE: nothing but the event's end.
        case end
        /// A record of user space, an event of its own: USER_CMD, ADD_USER, DAEMON_START …
        case alone
        /// Everything else: LOGIN, CONFIG_CHANGE, ANOM_ABEND, types that are not known here …
        case other
    }

    var kind: Kind
    var stamp: AuditEvent.Stamp
    /// Where the fields begin, in the bytes that were parsed.
    var fields: Int

    /// nil when the bytes are no audit record.
    static func parse(_ bytes: Span<UInt8>) -> RecordLine? {
        var position = 0
        if bytes.matches("node=", at: 0) {
            guard let space = bytes.index(of: UInt8(ascii: " "), from: 5) else { return nil }
            position = space + 1
        }
        guard bytes.matches("type=", at: position) else { return nil }
        let start = position + 5
        guard let end = bytes.index(of: UInt8(ascii: " "), from: start), end > start,
            bytes.matches("msg=audit(", at: end + 1)
        else { return nil }
        position = end + 11
        guard let seconds = bytes.number(&position), bytes.matches(".", at: position) else { return nil }
        position += 1
        guard let milliseconds = bytes.number(&position), milliseconds < 1000, bytes.matches(":", at: position)
        else { return nil }
        position += 1
        guard let serial = bytes.number(&position), bytes.matches("):", at: position), seconds < 1 << 40
        else { return nil }
        return RecordLine(
            kind: kind(bytes.extracting(start..<end)),
            stamp: AuditEvent.Stamp(milliseconds: Int64(seconds * 1000 + milliseconds), serial: serial),
            fields: position + 2)
    }

    private static func kind(_ type: Span<UInt8>) -> Kind {
        if type.equals("SYSCALL") { return .systemCall }
        if type.equals("PROCTITLE") { return .title }
        if type.equals("EOE") { return .end }
        for name in companions where type.equals(name) { return .companion }
        for prefix in userSpace where type.matches(prefix, at: 0) { return .alone }
        return .other
    }

    /// The types that auditsc.c writes beside SYSCALL (audit_log_exit, show_special and what they call) and that nobody
    /// is interested in without it, most frequent first.
    private static let companions: [StaticString] = [
        "PATH", "CWD", "EXECVE", "SOCKADDR", "SOCKETCALL", "MMAP", "FD_PAIR", "OBJ_PID", "IPC", "IPC_SET_PERM",
        "BPRM_FCAPS", "CAPSET", "MQ_OPEN", "MQ_SENDRECV", "MQ_NOTIFY", "MQ_GETSETATTR", "OPENAT2", "KERN_MODULE",
        "NETFILTER_CFG", "NETFILTER_PKT", "BPF", "EVENT_LISTENER", "URINGOP", "TIME_INJOFFSET", "TIME_ADJNTPVAL",
        "FANOTIFY", "TTY", "AVC", "AVC_PATH", "SECCOMP",
    ]

    /// Record types 1100 to 1299 and 2100 to 2999 of libaudit.h: sent by programs, one record an event.
    private static let userSpace: [StaticString] = [
        "USER", "CRED_", "DAEMON_", "SERVICE_", "SYSTEM_", "ADD_", "DEL_", "GRP_", "ACCT_", "CHUSER_", "CHGRP_",
        "ROLE_",
        "CRYPTO_", "TRUSTED_APP", "RESP_", "DEV_", "LABEL_", "TEST", "VIRT_", "SOFTWARE_UPDATE",
    ]
}

extension Span<UInt8> {
    func matches(_ literal: StaticString, at start: Int) -> Bool {
        let length = literal.utf8CodeUnitCount
        guard start + length <= count else { return false }
        for offset in 0..<length {
            // In bounds: offset is below the literal's count.
            guard unsafe self[start + offset] == literal.utf8Start[offset] else { return false }
        }
        return true
    }

    func equals(_ literal: StaticString) -> Bool {
        count == literal.utf8CodeUnitCount && matches(literal, at: 0)
    }

    func index(of byte: UInt8, from start: Int) -> Int? {
        var position = start
        while position < count {
            if self[position] == byte { return position }
            position += 1
        }
        return nil
    }

    /// Decimal digits from `position` on, which then stands behind them; nil without any, and when it overflows.
    func number(_ position: inout Int) -> UInt64? {
        let start = position
        var value: UInt64 = 0
        while position < count, self[position] >= 0x30, self[position] <= 0x39 {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflowToo) = product.addingReportingOverflow(UInt64(self[position] - 0x30))
            guard !overflow, !overflowToo else { return nil }
            value = sum
            position += 1
        }
        return position > start ? value : nil
    }

    /// Where the value of ` name=` begins; `name` comes with the space and the sign.
    func value(of name: StaticString, from start: Int) -> Int? {
        var position = start
        while let space = index(of: 0x20, from: position) {
            if matches(name, at: space) { return space + name.utf8CodeUnitCount }
            position = space + 1
        }
        return nil
    }
}
