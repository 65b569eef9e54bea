/// The rule that makes an ephemeral account out of its name. It has no configuration, so that the NSS
/// module can apply it inside any process without reading or asking anything.
public enum EphemeralAccount {
    /// `u-` and ten base32 characters.
    public static let nameLength = 12
    /// Above systemd's container range (524288…1879048191) and below its foreign range (2147352576…),
    /// see "Users, Groups, UIDs and GIDs on systemd Systems".
    public static let firstUID: UInt32 = 1_879_048_192
    public static let uidCount: UInt32 = 268_304_384
    public static let lastUID: UInt32 = firstUID + uidCount - 1

    /// The uid (and gid) of a name of the ephemeral form; nil when the name has another form.
    public static func uid(ofName name: Span<UInt8>) -> UInt32? {
        guard name.count == nameLength, name[0] == UInt8(ascii: "u"), name[1] == UInt8(ascii: "-") else { return nil }
        var bits: UInt64 = 0
        for index in 2..<nameLength {
            guard let value = Base32.value(name[index]) else { return nil }
            bits = (bits << 5) | value
        }
        return firstUID + UInt32(bits % UInt64(uidCount))
    }

    /// Whether a uid belongs to the range of ephemeral accounts.
    public static func contains(uid: UInt32) -> Bool {
        uid >= firstUID && uid <= lastUID
    }

    /// A name from 50 random bits.
    ///
    /// - Precondition: at least seven random bytes.
    public static func name(random: [UInt8]) -> [UInt8] {
        [UInt8(ascii: "u"), UInt8(ascii: "-")] + Base32.encode(random, characters: 10)
    }
}

/// Groups whose names start with `usher-` exist only through Usher: no line of /etc/group is needed.
/// Their gid is derived from the name, so that it is the same on every host and after every restart.
public enum RoleGroup {
    public static let prefix: StaticString = "usher-"
    /// The 65535 gids between systemd's foreign range and 2^31 - 1.
    public static let firstGID: UInt32 = 2_147_418_112
    public static let gidCount: UInt32 = 65_535

    /// `usher-` and one to 25 of `[a-z0-9-]`; nil when the name has another form. Two names can
    /// share a gid (16 bits): the agent refuses roles whose groups do.
    public static func gid(ofName name: Span<UInt8>) -> UInt32? {
        guard name.count > 6, name.count <= 31 else { return nil }
        // FNV-1a, 32 bits: http://www.isthe.com/chongo/tech/comp/fnv/
        var hash: UInt32 = 2_166_136_261
        for index in 0..<name.count {
            let byte = name[index]
            if index < 6 {
                // `prefix` has six characters.
                guard unsafe byte == prefix.utf8Start[index] else { return nil }
            } else {
                switch byte {
                case 0x61...0x7A, 0x30...0x39, 0x2D: break
                default: return nil
                }
            }
            hash = (hash ^ UInt32(byte)) &* 16_777_619
        }
        return firstGID + hash % gidCount
    }
}
