internal import ArgumentParser
internal import UsherAgent
internal import UsherClient
internal import UsherConfig
internal import UsherPolicy
internal import UsherTicket
internal import UsherWire

struct RevokeCheck: Verb {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Show what a signed revocation list says and whether this host would take it.",
        discussion: """
            Judges form, signature and time by the trust entries in /etc/usher, and the number by what the session agent \
            has taken; when it does not answer, says so. Exits with 0 when the list would be taken and with 3 when not.

            EXAMPLES
              usher revoke check list.jws
              usher revoke check --json - < list.jws
            """)

    @Argument(help: ArgumentHelp("A file with a signed list, or - for standard input.", valueName: "file"))
    var file: String

    @OptionGroup var output: OutputOptions
    @OptionGroup var agent: AgentOptions
    @OptionGroup var root: RootOptions

    func perform(_ console: Console) throws {
        var bytes = try RevocationFile.read(file, console)
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        let signed: SignedRevocationList
        do {
            signed = try RevocationListParser.parse(bytes)
        } catch {
            throw Failure("no host would take the list: \(Printable.line(error.description))", status: .refused)
        }
        let refusal = try judge(signed, console)
        let list = signed.unverified
        if output.json {
            try console.write(JSONText.line(Self.json(list, refusal)))
        } else {
            try console.print(Self.record(list, refusal, console.clock).text(style: console.style))
        }
        if let refusal {
            throw Failure("this host would not take the list: \(Printable.line(refusal.reason))", status: .refused)
        }
    }

    private func judge(_ list: SignedRevocationList, _ console: Console) throws -> ListRefusal? {
        let files: HostFiles
        do {
            files = try HostFiles(root.report())
        } catch {
            let first = error.diagnostics.first?.description ?? "it cannot be read"
            throw Failure("the host's configuration cannot be used: \(first)")
        }
        do throws(ListRefusal) {
            let claims = try RevocationListRules.verify(list, trust: files.trust)
            try RevocationListRules.checkTime(claims, now: console.clock.now, skew: files.configuration.skew)
        } catch {
            return error
        }
        guard root.isThisHost else { return nil }
        do throws(ControlError) {
            return Self.order(list.unverified.number, after: try agent.client.revocations(limit: 1).list?.number)
        } catch {
            let failure = Failure(error)
            guard failure.status == .agentUnreachable else { throw failure }
            console.notify("usher: no agent answers on \(agent.socket): the number is not judged\n")
            return nil
        }
    }

    /// As `RevocationListRules.checkOrder`, which needs the list before; here its number must do.
    private static func order(_ number: Int64, after last: Int64?) -> ListRefusal? {
        guard let last else {
            return number <= RevocationList.largestFirstNumber
                ? nil : ListRefusal(code: .stepTooLarge, reason: "number \(number) is too large for a first list")
        }
        if number < last {
            return ListRefusal(code: .rolledBack, reason: "number \(number), this host has taken \(last)")
        }
        guard number - last > RevocationList.longestStep else { return nil }
        return ListRefusal(
            code: .stepTooLarge,
            reason: "number \(number) is more than \(RevocationList.longestStep) above \(last)")
    }

    private static func record(_ list: RevocationList, _ refusal: ListRefusal?, _ clock: Clock) -> Record {
        var record = Record()
        record.add("issuer", list.issuer)
        record.add("key", list.keyID)
        record.add("number", String(list.number))
        record.add("issued", Moment(list.issuedAt).cell(clock))
        record.add("good until", Moment(list.expiresAt).cell(clock))
        record.add("entries", String(list.entries.count))
        for entry in list.entries {
            let issuer = entry.issuer.isEmpty ? "" : " of \(entry.issuer)"
            record.add(entry.kind.rawValue, "\(entry.value)\(issuer) \(entry.reason)")
        }
        record.add(
            "verdict", refusal == nil ? "this host would take it" : "this host would not take it",
            tone: refusal == nil ? .good : .bad)
        record.add("code", refusal?.code.rawValue)
        record.add("reason", refusal?.reason)
        return record
    }

    private static func json(_ list: RevocationList, _ refusal: ListRefusal?) -> JSONValue {
        .record([
            "iss": .text(list.issuer), "kid": .text(list.keyID), "num": .integer(list.number),
            "iat": .integer(list.issuedAt), "exp": .integer(list.expiresAt),
            "rev": .array(
                list.entries.map { entry in
                    .record([
                        "kind": .text(entry.kind.rawValue), "value": entry.value.isEmpty ? nil : .text(entry.value),
                        "issuer": entry.issuer.isEmpty ? nil : .text(entry.issuer), "reason": .text(entry.reason),
                        "exp": entry.expiresAt.map { .integer($0) },
                    ])
                }),
            "acceptable": .boolean(refusal == nil), "code": refusal.map { .text($0.code.rawValue) },
            "reason": refusal.map { .text($0.reason) },
        ])
    }
}
