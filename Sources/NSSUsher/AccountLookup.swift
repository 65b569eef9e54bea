internal import CUsherNSS

// Which account a lookup finds. A name of the ephemeral form is an account for root whether or not it is live, so
// that a lookup tells nothing about which tickets exist, and reads nothing: sshd alone looks a name up ten times in a
// login. For everybody else, and by uid, an account is one while its file stands.

@c(usher_live_account_named) @implementation
func liveAccountNamed(
    _ name: UnsafePointer<CChar>, _ account: UnsafeMutablePointer<usher_account>
) -> usher_status {
    let asked = usher_text(name)
    guard let uid = EphemeralAccount.uid(ofName: asked.buffer.span) else { return USHER_NONE }
    return account.pointee.read(from: name, name: asked, uid: uid)
}

@c(usher_account_named) @implementation
func accountNamed(
    _ name: UnsafePointer<CChar>, _ account: UnsafeMutablePointer<usher_account>
) -> usher_status {
    let asked = usher_text(name)
    guard let uid = EphemeralAccount.uid(ofName: asked.buffer.span) else { return USHER_NONE }
    guard usher_is_root() else { return account.pointee.read(from: name, name: asked, uid: uid) }
    account.pointee.answer(name: asked, uid: uid, comment: usher_text(""), groups: usher_text(""))
    return USHER_FOUND
}

@c(usher_account_with_uid) @implementation
func accountWithUID(
    _ uid: UInt32, _ account: UnsafeMutablePointer<usher_account>
) -> usher_status {
    guard EphemeralAccount.contains(uid: uid) else { return USHER_NONE }
    return withFileName {
        usher_numbered_name("uid.", uid, $0)
    } use: {
        account.pointee.read(from: $0, name: nil, uid: uid)
    }
}

@c(usher_next_account) @implementation
func nextAccount(
    _ cursor: UnsafeMutablePointer<usher_cursor>, _ account: UnsafeMutablePointer<usher_account>
) -> usher_status {
    var file: UnsafePointer<CChar>?
    while true {
        let status = usher_peek(cursor, Paths.accounts.terminated, "u-", &file)
        guard status == USHER_FOUND, let file else { return status }
        let found = liveAccountNamed(file, account)
        // Passed over: names of another form, files that are not right or gone again.
        guard found == USHER_NONE else { return found }
        usher_pass(cursor)
    }
}

@c(usher_next_gid) @implementation
func nextGID(
    _ account: UnsafePointer<usher_account>, _ position: UnsafeMutablePointer<Int>, _ gid: UnsafeMutablePointer<UInt32>
) -> Bool {
    let groups = account.pointee.groups.buffer.span
    guard let range = nextItem(of: groups, &position.pointee), let number = AccountRecord.number(range, in: groups)
    else { return false }
    gid.pointee = number
    return true
}

extension usher_account {
    /// Reads an account's file. Its name must be the one asked for, and its uid the one that follows from its name.
    fileprivate mutating func read(
        from file: UnsafePointer<CChar>, name asked: usher_text?, uid: UInt32
    ) -> usher_status {
        var length = 0
        let status = usher_read(
            Paths.accounts.terminated, file, AccountRecord.accountBytes, record, Int(USHER_RECORD_BYTES), &length)
        guard status == USHER_FOUND else { return status }
        let content = UnsafeMutableBufferPointer(start: record, count: length)
        guard let name = field("name", of: content), EphemeralAccount.uid(ofName: name.buffer.span) == uid,
            asked?.equals(name) ?? true,
            let number = field("uid", of: content),
            AccountRecord.number(0..<number.length, in: number.buffer.span) == uid,
            let comment = field("comment", of: content), let groups = field("groups", of: content),
            areGIDs(groups.buffer.span)
        else { return USHER_NONE }
        removeColons(from: comment, in: content)
        answer(name: name, uid: uid, comment: comment, groups: groups)
        return USHER_FOUND
    }

    fileprivate mutating func answer(name: usher_text, uid: UInt32, comment: usher_text, groups: usher_text) {
        self.name = name
        self.uid = uid
        self.comment = comment
        self.groups = groups
        homes = usher_text(Paths.homes)
        shell = usher_text(Paths.shell)
    }
}

private func field(_ name: StaticString, of content: UnsafeMutableBufferPointer<UInt8>) -> usher_text? {
    guard let range = AccountRecord.field(name, header: AccountRecord.accountHeader, in: content.span),
        let start = content.baseAddress
    else { return nil }
    return usher_text(bytes: UnsafePointer(start + range.lowerBound), length: range.count)
}

/// Every gid can be a member's: neither root's nor the number that means "no change" to chown(2).
private func areGIDs(_ list: Span<UInt8>) -> Bool {
    var position = 0
    while let range = nextItem(of: list, &position) {
        guard let number = AccountRecord.number(range, in: list), number != 0, number != UInt32.max else {
            return false
        }
    }
    return true
}

/// A colon ends a field of the line that getent(1) and many scripts make of an account.
private func removeColons(from text: usher_text, in content: UnsafeMutableBufferPointer<UInt8>) {
    guard let start = content.baseAddress else { return }
    let first = text.bytes - UnsafePointer(start)
    for index in first..<(first + text.length) where content[index] == UInt8(ascii: ":") {
        content[index] = UInt8(ascii: " ")
    }
}
