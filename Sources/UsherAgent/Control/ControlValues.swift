internal import UsherPolicy
internal import UsherStore
internal import UsherWire

/// Rows as the types of io.usher.Control.
extension ControlService {
    /// - Parameter extensions: of the session, in answers about it alone.
    static func value(_ session: Session, extensions: [SessionExtension] = []) -> JSONValue {
        let admission = session.admission
        let ticket = admission.ticket
        return .object(
            JSONObject([
                "id": .text(session.id), "state": .text(session.state.rawValue),
                "account": .text(admission.account), "kind": .text(admission.kind.rawValue),
                "uid": .number(admission.uid), "subject": .text(ticket.subject), "actor": .text(ticket.actor),
                "owner": .text(ticket.owner), "role": .text(ticket.role), "approval": .text(ticket.approval),
                "change": .text(ticket.change), "issuer": .text(ticket.issuer), "key": .text(ticket.keyID),
                "ticket": .text(ticket.ticketID), "service": .text(admission.service),
                "terminal": .text(admission.terminal), "remoteHost": .text(admission.remoteHost),
                "leader": .number(session.leader.pid), "auditSession": .number(session.auditSession),
                "openedAt": .number(session.openedAt), "endsAt": .number(session.endsAt),
                "idleLimit": .number(admission.idleLimit),
                "idleCounts": admission.idleLimit.map { _ in .text(admission.idleCounts.rawValue) },
                "extensions": extensions.isEmpty ? nil : .array(extensions.map { value($0) }),
                "closedAt": .number(session.closedAt),
                "endReason": .text(session.endReason), "endedBy": .text(session.endedBy),
                "endedAt": .number(session.endedAt), "left": .number(session.leftCount),
            ]))
    }

    private static func value(_ extension: SessionExtension) -> JSONValue {
        let it = `extension`
        return .object(
            JSONObject([
                "at": .number(it.at), "by": .text(it.by), "reason": .text(it.reason),
                "seconds": .number(it.seconds), "endsAt": .number(it.endsAt),
            ]))
    }

    static func value(_ revocation: Revocation) -> JSONValue {
        .object(
            JSONObject([
                "id": revocation.id.isEmpty ? nil : .text(revocation.id), "kind": .text(revocation.kind.rawValue),
                "value": revocation.value.isEmpty ? nil : .text(revocation.value),
                "issuer": revocation.issuer.isEmpty ? nil : .text(revocation.issuer),
                "reason": .text(revocation.reason), "by": .text(revocation.by), "at": .number(revocation.at),
                "expiresAt": .number(revocation.expiresAt), "source": .text(revocation.source.rawValue),
                "liftedAt": .number(revocation.lifted?.at), "liftedBy": .text(revocation.lifted?.by),
                "liftReason": .text(revocation.lifted?.reason),
            ]))
    }

    static func value(_ role: Role) -> JSONValue {
        .object(
            JSONObject([
                "name": .text(role.name), "accounts": list(role.accounts.map(\.description)),
                "groups": list(role.groups),
                "services": list(role.services), "require": list(role.require.map(\.rawValue).sorted()),
                "maxDuration": .number(role.maxDuration), "idleTimeout": .number(role.idleTimeout),
                "idleCounts": .text(role.idleCounts.rawValue),
                "shell": .text(role.shell), "privileged": .boolean(role.privileged),
            ]))
    }

    private static func list(_ texts: [String]) -> JSONValue {
        .array(texts.map { .text($0) })
    }
}
