internal import ServiceLifecycle

/// A few times a minute: who has a uid of the ephemeral range without a session; and, as often as configured, what
/// sessions left on the disks.
struct ResidueWatch: Service, CustomStringConvertible {
    /// A process that took a uid of the range is known at the latest after this and the time of a pass.
    private static let interval: Duration = .seconds(10)

    let keeper: ResidueKeeper
    let description = "residue watch"

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await keeper.lookForProcesses()
                await keeper.scanWhenDue()
                try? await Task.sleep(for: Self.interval)
            }
        }
        await keeper.stop()
    }
}
