internal import CUsherNSS

// Role groups, whose gid follows from their name. A group's file is read into the buffer of the caller, who gave
// room for the answer: a group can have more members than a stack has room for.

@c(usher_group_named) @implementation
func groupNamed(
    _ name: UnsafePointer<CChar>, _ buffer: UnsafeMutablePointer<UInt8>, _ capacity: Int,
    _ group: UnsafeMutablePointer<usher_group>
) -> usher_status {
    let asked = usher_text(name)
    guard let gid = RoleGroup.gid(ofName: asked.buffer.span) else { return USHER_NONE }
    return withFileName {
        usher_prefixed_name(filePrefix.terminated, name, $0)
    } use: {
        group.pointee.read(from: $0, name: asked, gid: gid, buffer, capacity)
    }
}

@c(usher_group_with_gid) @implementation
func groupWithGID(
    _ gid: UInt32, _ buffer: UnsafeMutablePointer<UInt8>, _ capacity: Int, _ group: UnsafeMutablePointer<usher_group>
) -> usher_status {
    guard gid >= RoleGroup.firstGID, gid < RoleGroup.firstGID + RoleGroup.gidCount else { return USHER_NONE }
    return withFileName {
        usher_numbered_name("gid.", gid, $0)
    } use: {
        group.pointee.read(from: $0, name: nil, gid: gid, buffer, capacity)
    }
}

@c(usher_next_group) @implementation
func nextGroup(
    _ cursor: UnsafeMutablePointer<usher_cursor>, _ buffer: UnsafeMutablePointer<UInt8>, _ capacity: Int,
    _ group: UnsafeMutablePointer<usher_group>
) -> usher_status {
    var file: UnsafePointer<CChar>?
    while true {
        let status = usher_peek(cursor, Paths.accounts.terminated, filePrefix.terminated, &file)
        guard status == USHER_FOUND, let file else { return status }
        let found = groupNamed(file + filePrefix.utf8CodeUnitCount, buffer, capacity, group)
        guard found == USHER_NONE else { return found }
        usher_pass(cursor)
    }
}

private var filePrefix: StaticString { "group." }

extension usher_group {
    /// Reads a group's file. Its name must be the one asked for, and its gid the one that follows from its name.
    fileprivate mutating func read(
        from file: UnsafePointer<CChar>, name asked: usher_text?, gid: UInt32, _ buffer: UnsafeMutablePointer<UInt8>,
        _ capacity: Int
    ) -> usher_status {
        var length = 0
        let status = usher_read(
            Paths.accounts.terminated, file, AccountRecord.groupBytes, buffer, capacity, &length)
        guard status == USHER_FOUND else { return status }
        let content = UnsafeBufferPointer(start: UnsafePointer(buffer), count: length).span
        guard let name = AccountRecord.field("name", header: AccountRecord.groupHeader, in: content),
            RoleGroup.gid(ofName: content.extracting(name)) == gid,
            asked?.equals(usher_text(bytes: buffer + name.lowerBound, length: name.count)) ?? true,
            let number = AccountRecord.field("gid", header: AccountRecord.groupHeader, in: content),
            AccountRecord.number(number, in: content) == gid,
            let members = AccountRecord.field("members", header: AccountRecord.groupHeader, in: content),
            let count = countNames(in: content.extracting(members))
        else { return USHER_NONE }
        self = usher_group(
            gid: gid, length: length, name: name.lowerBound, name_length: name.count, members: members.lowerBound,
            members_length: members.count, member_count: count)
        return USHER_FOUND
    }
}

/// How many names a list has; nil when one of them cannot be a user's.
private func countNames(in list: Span<UInt8>) -> Int? {
    var position = 0
    var count = 0
    while let range = nextItem(of: list, &position) {
        guard !range.isEmpty else { return nil }
        for index in range where list[index] == UInt8(ascii: ":") || list[index] == UInt8(ascii: " ") { return nil }
        count += 1
    }
    return count
}
