import Testing

@testable import UsherSystem

@Suite("Searches for owners that remember")
struct OwnerSearchTests {
    private let scratch: Scratch
    private let uid: UInt32
    private let place: Place
    private let searches = OwnerSearches()

    init() throws {
        scratch = try Scratch()
        uid = try freshUID()
        place = Place(scratch.path + "/shared")
        try shell("mkdir -p shared/open/deep shared/closed; chmod 1777 shared shared/open shared/open/deep")
    }

    private func shell(_ script: String) throws {
        let result = try Subprocess.run(
            "/bin/bash", ["-euc", "cd \(scratch.path); U=\(uid); \(script)"], deadline: .after(milliseconds: 60_000))
        try #require(result.exitStatus == 0)
    }

    private func isFound() throws -> Bool { try searches.owners(in: place, among: [uid]).contains(uid) }

    /// Makes a search that is remembered, changes something, and looks whether the memory knows.
    @Test(
        "a file that came after the search is found",
        arguments: [
            "touch shared/file; chown $U shared/file", "mkdir shared/dir; chown $U shared/dir",
            "touch shared/open/file; chown $U shared/open/file",
            "touch shared/open/deep/x; chown $U shared/open/deep/x",
            "touch file; chown $U file; mv file shared/moved",
            "chmod 1777 shared/closed; touch shared/closed/file; chown $U shared/closed/file",
            "mkdir o; chmod 777 o; touch o/file; chown $U o/file; rmdir shared/open/deep; mv o shared/open/deep",
        ])
    func remembered(change: String) async throws {
        try await Task.sleep(for: .milliseconds(1100))
        #expect(try !isFound())
        let settled = try Files.openDirectory(place.path, stage: "open")
        let search = try OwnerSearch.look(through: settled, stage: "look")
        #expect(search.isSettled)
        let before = try search.isStillTrue(of: settled, stage: "look")
        #expect(before)
        try shell(change)
        let after = try search.isStillTrue(of: settled, stage: "look")
        #expect(!after)
        #expect(try isFound())
    }

    @Test("a search right after a change is not remembered")
    func unsettled() throws {
        let root = try Files.openDirectory(place.path, stage: "open")
        let search = try OwnerSearch.look(through: root, stage: "look")
        #expect(!search.isSettled)
    }
}
