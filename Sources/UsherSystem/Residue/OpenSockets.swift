import CUsherLinux
import Glibc

/// A socket of the network that a uid has open, from /proc/net; see proc_pid_net(5).
public struct OpenSocket: Sendable, Equatable {
    /// `tcp`, `udp6` …
    public var network: String
    public var port: UInt16
    public var uid: UInt32

    public init(network: String, port: UInt16, uid: UInt32) {
        self.network = network
        self.port = port
        self.uid = uid
    }

    private static let files = ["udp", "udp6", "udplite", "udplite6", "raw", "raw6"]
    /// States in which a process holds a TCP socket (include/net/tcp_states.h): ESTABLISHED, SYN_SENT, SYN_RECV,
    /// CLOSE_WAIT, LISTEN. In the others the kernel alone finishes a connection, after its process has ended.
    private static let held: Set<Substring> = ["01", "02", "03", "08", "0A"]

    /// Those of the uids, in this network namespace: of TCP what listens, of the other protocols all.
    public static func of(_ uids: Set<UInt32>) throws(SystemError) -> [OpenSocket] {
        var sockets = try (listeners(AF_INET, "tcp") + listeners(AF_INET6, "tcp6")).filter { uids.contains($0.uid) }
        for network in files {
            do throws(SystemError) {
                let bytes = try Files.readKernelFile("/proc/self/net/\(network)", limit: 256 << 20)
                sockets += parse(bytes, network: network).filter { uids.contains($0.uid) }
            } catch let failure where failure.errno == ENOENT {
                continue
            }
        }
        return sockets
    }

    /// The kernel walks its table of connections, empty or not, for each reading of /proc/net/tcp: milliseconds for
    /// each session that ends. Asked for listening sockets alone, it does not.
    private static func listeners(_ family: Int32, _ network: String) throws(SystemError) -> [OpenSocket] {
        var capacity = 256
        while true {
            var found = [usher_listener](repeating: usher_listener(), count: capacity)
            do throws(SystemError) {
                let count = try SystemCall.run("list \(network) listeners") {
                    // At most as many as the array has are written.
                    unsafe usher_list_tcp_listeners(family, &found, Int32(capacity))
                }
                return found.prefix(Int(count)).map { OpenSocket(network: network, port: $0.port, uid: $0.uid) }
            } catch let failure where failure.errno == ENOSPC && capacity < 1 << 20 {
                capacity *= 4
            } catch {
                // A kernel without sock_diag for TCP, or a sandbox that keeps it from the agent.
                return parse(try Files.readKernelFile("/proc/self/net/\(network)", limit: 256 << 20), network: network)
            }
        }
    }

    static func parse(_ bytes: [UInt8], network: String) -> [OpenSocket] {
        bytes.split(separator: UInt8(ascii: "\n")).dropFirst().compactMap { line in
            // sl, local address:port, remote, state, queues, timer, retransmits, uid
            let fields = String(decoding: line, as: UTF8.self).split(separator: " ")
            guard fields.count > 7, let uid = UInt32(fields[7]), let colon = fields[1].lastIndex(of: ":"),
                let port = UInt16(fields[1][fields[1].index(after: colon)...], radix: 16)
            else { return nil }
            if network.hasPrefix("tcp"), !held.contains(fields[3]) { return nil }
            return OpenSocket(network: network, port: port, uid: uid)
        }
    }
}
