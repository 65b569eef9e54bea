internal import ArgumentParser
internal import UsherSystem
internal import UsherTicket
internal import UsherWire

extension TicketIssue {
    /// How much output is gathered before it is written.
    private static let batchBytes = 65_536

    func perform(_ console: Console) throws {
        let signer = try KeyFile.privateKey(key)
        let audience = try host ?? RootOptions.parse([]).hostID()
        var batch: [UInt8] = []
        defer { Secrets.wipe(&batch) }
        for number in 1...(count ?? 1) {
            let claims = claims(key: signer.publicKey, audience: audience, now: console.clock.now)
            let ticket: String
            do {
                ticket = try TicketSigner.sign(claims, with: signer)
            } catch {
                throw Failure("the ticket cannot be issued: \(Self.explain(error))")
            }
            append(ticket, claims, to: &batch)
            if batch.count >= Self.batchBytes || number == (count ?? 1) {
                try console.write(batch)
                Secrets.wipe(&batch)
            }
            if count == nil, console.noticeStyle.isTerminal {
                console.notify(notice(claims, console))
            }
        }
    }

    private func claims(key: PublicKey, audience: String, now: Int64) -> Claims {
        var generator = SystemRandomNumberGenerator()
        return Claims(
            issuer: issuer, keyID: key.keyID, audience: audience,
            ticketID: TicketSigner.ticketID(using: &generator), issuedAt: now, expiresAt: now + valid.seconds,
            account: account ?? Self.freshAccount(using: &generator), subject: subject, role: role,
            notBefore: notBefore.map { now + $0.seconds }, target: restrictions.target,
            maximumDuration: restrictions.maximum?.seconds, idleTimeout: restrictions.idle?.seconds,
            actor: accountability.actor, owner: accountability.owner, approval: accountability.approval,
            change: accountability.change, services: restrictions.service.isEmpty ? nil : restrictions.service,
            source: restrictions.source.flatMap { AddressRange($0) },
            key: restrictions.keyFingerprint.flatMap { KeyFingerprint($0) }, command: restrictions.command)
    }

    private static func freshAccount(using generator: inout SystemRandomNumberGenerator) -> String {
        let random = (0..<7).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        return String(decoding: EphemeralAccount.name(random: random), as: UTF8.self)
    }

    private func append(_ ticket: String, _ claims: Claims, to batch: inout [UInt8]) {
        if output.json {
            batch += JSONText.line(
                .record([
                    "ticket": .text(ticket), "account": .text(claims.account), "id": .text(claims.ticketID),
                    "expires": .integer(claims.expiresAt), "key": .text(claims.keyID),
                ]))
        } else {
            if count != nil { batch += Array("\(claims.account) ".utf8) }
            batch += Array(ticket.utf8)
            batch.append(UInt8(ascii: "\n"))
        }
    }

    private func notice(_ claims: Claims, _ console: Console) -> String {
        let expires = Moment(claims.expiresAt).friendly(console.clock)
        return """
            account  \(claims.account)
            log in   ssh \(claims.account)@\(host == nil ? "localhost" : "HOST")   (give the ticket at `Ticket: `)
            until    \(expires), once

            """
    }

    /// What is wrong, with the option that it came from.
    private static func explain(_ error: TicketError) -> String {
        let claim = error.detail.prefix { $0 != " " }
        guard let option = options[String(claim)] else { return error.detail }
        return "\(error.detail) (\(option))"
    }

    private static let options = [
        "iss": "--issuer", "aud": "--host", "sub": "--subject", "usr": "--account", "tgt": "--target",
        "rol": "--role", "max": "--max", "idl": "--idle", "act.sub": "--actor", "own": "--owner",
        "apr": "--approval", "chg": "--change", "svc": "--service", "cmd": "--command",
    ]
}
