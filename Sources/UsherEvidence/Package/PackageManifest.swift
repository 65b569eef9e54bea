internal import UsherWire

/// What a package says it holds, signed by the key of the host that made it.
struct PackageManifest: Equatable {
    struct File: Equatable {
        var name: String
        var bytes: Int
        var digest: LineHash
    }

    static let domain = Array("usher-evidence-package-1\n".utf8)
    static let name = "manifest.json"
    static let signatureName = "manifest.sig"
    private static let version: Int64 = 1

    var host: String
    var session: String
    /// Seconds since 1970-01-01 UTC.
    var madeAt: Int64
    var files: [File]

    var bytes: [UInt8] {
        var writer = JSONWriter(sink: [UInt8]())
        writer.beginObject()
        writer.name("version")
        writer.integer(Self.version)
        for (name, text) in [("host", host), ("session", session)] as [(StaticString, String)] {
            writer.name(name)
            writer.string(Array(text.utf8).span)
        }
        writer.name("madeAt")
        writer.integer(madeAt)
        writer.name("files")
        writer.beginArray()
        for file in files {
            writer.beginObject()
            writer.name("name")
            writer.string(Array(file.name.utf8).span)
            writer.name("bytes")
            writer.integer(Int64(file.bytes))
            writer.name("sha256")
            writer.string(file.digest.digits.span)
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
        return writer.sink + [UInt8(ascii: "\n")]
    }

    init(host: String, session: String, madeAt: Int64, files: [File]) {
        self.host = host
        self.session = session
        self.madeAt = madeAt
        self.files = files
    }

    /// Exactly the bytes that are written for it, or refused.
    init(parsing bytes: [UInt8]) throws(ArchiveError) {
        guard bytes.count <= 65_536, let value = try? JSONParser.parse(bytes.span), case .object(let object) = value,
            case .integer(Self.version)? = object["version"], case .string(let host)? = object["host"],
            case .string(let session)? = object["session"], case .integer(let madeAt)? = object["madeAt"],
            case .array(let values)? = object["files"]
        else { throw ArchiveError("its manifest cannot be read") }
        var files: [File] = []
        for value in values {
            guard case .object(let file) = value, case .string(let name)? = file["name"],
                case .integer(let count)? = file["bytes"], case .string(let digits)? = file["sha256"],
                let digest = LineHash(digits)
            else { throw ArchiveError("its manifest cannot be read") }
            files.append(File(name: String(decoding: name, as: UTF8.self), bytes: Int(count), digest: digest))
        }
        self.init(
            host: String(decoding: host, as: UTF8.self), session: String(decoding: session, as: UTF8.self),
            madeAt: madeAt, files: files)
        guard self.bytes == bytes else { throw ArchiveError("its manifest is not as it is written") }
    }
}
