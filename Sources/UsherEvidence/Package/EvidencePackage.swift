public import UsherTicket
internal import UsherWire

/// The evidence of one session as one archive that can be verified anywhere: the slice of the log from the checkpoint
/// before the session to the one after it, the checkpoints whose keys lead there, the receipt, and what is for reading.
public enum EvidencePackage {
    public static let slice = "evidence.jsonl"
    public static let checkpoints = "checkpoints.jsonl"
    public static let receipt = "receipt.jws"
    public static let hostKey = "host.pub.jwk"

    /// What verification found.
    public struct Verdict: Sendable, Equatable {
        public internal(set) var host: String
        public internal(set) var session: String
        /// Seconds since 1970-01-01 UTC.
        public internal(set) var madeAt: Int64
        public internal(set) var files: [String]
        /// The key that it verifies with.
        public internal(set) var key: PublicKey
        /// The key came from the package itself: who made the package could have put any there.
        public internal(set) var keyIsItsOwn: Bool
        public internal(set) var evidence: EvidenceVerdict
        /// How many lines of the slice are the session's.
        public internal(set) var sessionLines = 0
        public internal(set) var receipt: VerifiedReceipt?
        /// One line each; none where everything holds.
        public internal(set) var problems: [String] = []

        public var isSound: Bool { problems.isEmpty && evidence.isSound }
    }

    /// The archive.
    ///
    /// - Parameters:
    ///   - files: by name; manifest, signature and public key are added.
    ///   - key: the host's.
    public static func make(
        host: String, session: String, files: [ArchiveEntry], key: PrivateKey, at seconds: Int64
    ) throws(KeyError) -> [UInt8] {
        let all = files + [ArchiveEntry(name: hostKey, bytes: Array((key.publicKey.jwk() + "\n").utf8))]
        let manifest = PackageManifest(
            host: host, session: session, madeAt: seconds,
            files: all.map { .init(name: $0.name, bytes: $0.bytes.count, digest: LineHash(of: $0.bytes)) })
        let signature = try key.signature(over: PackageManifest.domain + manifest.bytes)
        let folder = "usher-\(session)/"
        let entries =
            [
                ArchiveEntry(name: PackageManifest.name, bytes: manifest.bytes),
                ArchiveEntry(
                    name: PackageManifest.signatureName, bytes: Array((Base64URL.encode(signature) + "\n").utf8)),
            ] + all
        return TapeArchive.encode(
            entries.map { ArchiveEntry(name: folder + $0.name, bytes: $0.bytes) }, at: seconds)
    }

    /// - Parameter keys: of the host, from elsewhere; where there are none, the package's own is used and the verdict
    ///   says so.
    /// - Throws: what makes it no package at all.
    public static func verify(_ bytes: [UInt8], keys: [PublicKey]) throws(ArchiveError) -> Verdict {
        var files: [String: [UInt8]] = [:]
        var folders: Set<Substring> = []
        for entry in try TapeArchive.decode(bytes) {
            let parts = entry.name.split(separator: "/")
            guard parts.count == 2 else { throw ArchiveError("\(entry.name) does not belong there") }
            folders.insert(parts[0])
            files[String(parts[1])] = entry.bytes
        }
        guard let text = files.removeValue(forKey: PackageManifest.name),
            let signatureText = files.removeValue(forKey: PackageManifest.signatureName)
        else { throw ArchiveError("it has no signed manifest") }
        let manifest = try PackageManifest(parsing: text)
        guard folders == ["usher-\(manifest.session)"] else { throw ArchiveError("its folder is not its session's") }
        let own = try files[hostKey].map { text throws(ArchiveError) in try publicKey(text) }
        guard let signature = Base64URL.decode(signatureText.dropLast()), signature.count == 64,
            signatureText.last == UInt8(ascii: "\n")
        else { throw ArchiveError("its signature cannot be read") }
        let candidates = keys.isEmpty ? own.map { [$0] } ?? [] : keys
        guard let first = candidates.first else { throw ArchiveError("no key to verify it with") }
        let signer = candidates.first { $0.isValid(signature: signature, over: PackageManifest.domain + text) }
        var verdict = Verdict(
            host: manifest.host, session: manifest.session, madeAt: manifest.madeAt,
            files: manifest.files.map(\.name), key: signer ?? first, keyIsItsOwn: keys.isEmpty,
            evidence: EvidenceVerdict())
        if signer == nil { verdict.problems.append("the manifest is not signed by key \(first.keyID)") }
        check(files, manifest, &verdict)
        checkSlice(files, candidates, &verdict)
        checkReceipt(files, candidates, &verdict)
        return verdict
    }

    private static func publicKey(_ text: [UInt8]) throws(ArchiveError) -> PublicKey {
        do {
            return try PublicKey(jwk: text.last == UInt8(ascii: "\n") ? Array(text.dropLast()) : text)
        } catch {
            throw ArchiveError("its public key cannot be read: \(error.detail)")
        }
    }

    private static func check(_ files: [String: [UInt8]], _ manifest: PackageManifest, _ verdict: inout Verdict) {
        for file in manifest.files {
            guard let bytes = files[file.name] else {
                verdict.problems.append("\(file.name) is missing")
                continue
            }
            if bytes.count != file.bytes || LineHash(of: bytes) != file.digest {
                verdict.problems.append("\(file.name) was changed")
            }
        }
        for name in files.keys.sorted() where !manifest.files.contains(where: { $0.name == name }) {
            verdict.problems.append("\(name) was added")
        }
    }

    /// The keys first, from the one that the host's key endorsed; then the lines between the checkpoints.
    private static func checkSlice(
        _ files: [String: [UInt8]], _ keys: [PublicKey], _ verdict: inout Verdict
    ) {
        guard let slice = files[Self.slice], let chain = files[checkpoints] else {
            return verdict.problems.append("it holds no evidence")
        }
        let proven = provenCheckpoints(chain, keys, &verdict)
        var verifier = EvidenceVerifier(hostKeys: keys, isWhole: false, proven: proven)
        verifier.beginFile(Self.slice, first: nil)
        var splitter = LineSplitter()
        var own = 0
        let (session, host) = (verdict.session, verdict.host)
        var isForeign = false
        splitter.take(slice) { piece in
            verifier.take(piece)
            guard case .line(let bytes) = piece, let line = try? EvidenceLine(parsing: bytes) else { return }
            if line.session == session { own += 1 }
            if line.host != host { isForeign = true }
        }
        let unfinished = splitter.unfinished
        verifier.endFile(unfinished: unfinished)
        verdict.evidence = verifier.finish()
        verdict.sessionLines = own
        if own == 0 { verdict.problems.append("no line of the evidence is the session's") }
        if isForeign { verdict.problems.append("the evidence is of another host") }
        if verdict.evidence.signedTo == nil { verdict.problems.append("no checkpoint in the evidence is proven") }
    }

    private static func provenCheckpoints(
        _ text: [UInt8], _ keys: [PublicKey], _ verdict: inout Verdict
    ) -> Set<LineHash> {
        var proven: Set<LineHash> = []
        var expected: (key: PublicKey, number: Int64)?
        for (index, bytes) in text.split(separator: UInt8(ascii: "\n")).enumerated() {
            guard let line = try? EvidenceLine(parsing: Array(bytes)), let checkpoint = SignedCheckpoint(line),
                checkpoint.content.restart == nil
            else {
                verdict.problems.append("\(checkpoints):\(index + 1): no checkpoint that proves anything")
                return proven
            }
            let holds =
                if let expected {
                    checkpoint.isSigned(by: expected.key) && checkpoint.content.number == expected.number
                } else {
                    keys.contains { checkpoint.isSigned(by: $0) || checkpoint.isEndorsed(by: $0) }
                }
            guard holds else {
                verdict.problems.append("\(checkpoints):\(index + 1): not signed by the key that it should be")
                return proven
            }
            proven.insert(line.hash)
            expected = (checkpoint.content.next, checkpoint.content.number + 1)
        }
        return proven
    }

    private static func checkReceipt(
        _ files: [String: [UInt8]], _ keys: [PublicKey], _ verdict: inout Verdict
    ) {
        guard let text = files[receipt] else { return }
        var reason = "no key"
        for key in keys {
            do throws(RecordError) {
                let verified = try VerifiedReceipt(text, key: key)
                guard verified.receipt.session.id == verdict.session else {
                    return verdict.problems.append("the receipt is of another session")
                }
                verdict.receipt = verified
                return
            } catch {
                reason = error.detail
            }
        }
        verdict.problems.append("the receipt does not verify: \(reason)")
    }
}
