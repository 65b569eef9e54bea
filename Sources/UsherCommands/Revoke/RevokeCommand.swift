internal import ArgumentParser

struct RevokeCommand: Noun {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "Refuse tickets, people, accounts, roles or keys, and end what they have open.",
        discussion: """
            A revocation refuses new logins and ends the sessions that it matches, at once, and it outlives restarts of \
            agent and host until it is lifted. Lists of revocations that another host signed are made with `issue` and \
            read by every host whose usherd.toml names their file (revocation_list).
            """,
        subcommands: [
            RevokeTicket.self, RevokeSubject.self, RevokeAccount.self, RevokeRole.self, RevokeKey.self,
            RevokeAll.self, RevokeList.self, RevokeLift.self, RevokeIssue.self, RevokeCheck.self,
        ])
}
