internal import ArgumentParser

struct RoleCommand: Noun {
    static let configuration = CommandConfiguration(
        commandName: "role",
        abstract: "See and check the roles that this host defines.",
        subcommands: [RoleList.self, RoleCheck.self])
}
