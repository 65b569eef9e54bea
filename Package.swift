// swift-tools-version: 6.2
import PackageDescription

/// House rules of every ordinary Swift target; see CONTRIBUTING.md.
let strict: [SwiftSetting] = [
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("ExistentialAny"),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
]

/// The two shared objects run inside other processes: Embedded Swift, no runtime, no Foundation.
let embedded: [SwiftSetting] = [
    .enableExperimentalFeature("Embedded"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
    .unsafeFlags(["-wmo", "-Osize", "-Xfrontend", "-function-sections", "-Xcc", "-ffunction-sections"]),
]

/// `-z defs` turns a symbol that would be missing at login into a build error; the version script
/// exports the entry points only and needs an absolute path. lld, because gold keeps the undefined symbols of what
/// `--gc-sections` took away, and with them a newer glibc than the modules use.
func module(exports script: String, libraries: [String], soname: String? = nil) -> [LinkerSetting] {
    let name = soname.map { ["-Xlinker", "-soname=\($0)"] } ?? []
    return libraries.map { .linkedLibrary($0) } + [
        .unsafeFlags(
            [
                "-use-ld=lld", "-Xlinker", "-z", "-Xlinker", "defs", "-Xlinker", "-z", "-Xlinker", "now",
                "-Xlinker", "--gc-sections", "-Xlinker", "--as-needed",
                "-Xlinker", "--version-script=\(Context.packageDirectory)/Sources/\(script)",
            ] + name)
    ]
}

/// Executables carry the Swift runtime, so that a target host needs none. Modules are compiled against the
/// shared Foundation, whose autolink entries do not name what the static one needs; hence the names, and lld,
/// which does not mind the order of archives.
let staticRuntime: [LinkerSetting] = [
    .unsafeFlags([
        "-static-stdlib", "-use-ld=lld", "-lFoundation", "-lCoreFoundation", "-l_FoundationICU",
        "-l_FoundationCShims", "-l_FoundationCollections", "-lstdc++",
    ])
]

/// The login shell starts at each login: no Foundation, and nothing that is not called.
let smallStaticRuntime: [LinkerSetting] = [
    .unsafeFlags(["-static-stdlib", "-use-ld=lld", "-Xlinker", "--gc-sections", "-Xlinker", "--as-needed"])
]

let cStrict: [CSetting] = [
    .unsafeFlags(["-std=gnu17", "-Wall", "-Wextra", "-Werror", "-fvisibility=hidden", "-fstack-protector-strong"])
]

let package = Package(
    name: "usher",
    products: [
        .library(name: "pam_usher", type: .dynamic, targets: ["PAMUsher"]),
        .library(name: "nss_usher", type: .dynamic, targets: ["NSSUsher"]),
        .executable(name: "usherd", targets: ["usherd"]),
        .executable(name: "usher", targets: ["usher"]),
        .executable(name: "usher-shell", targets: ["usher-shell"]),
        .executable(name: "usher-audit", targets: ["usher-audit"]),
    ],
    dependencies: [
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // ring 0: Embedded-safe, no imports beyond this ring; compiled twice (see PAMUsher, NSSUsher)
        .target(name: "UsherWire", swiftSettings: strict),
        .target(name: "UsherPAMCore", dependencies: ["UsherWire"], swiftSettings: strict),

        // C fence and the two shared objects
        .target(name: "CUsherPAM", cSettings: cStrict),
        .target(name: "CUsherNSS", cSettings: cStrict),
        .target(name: "CUsherLinux", cSettings: cStrict, linkerSettings: [.linkedLibrary("audit")]),
        .target(
            name: "PAMUsher", dependencies: ["CUsherPAM"], exclude: ["pam_usher.map"], swiftSettings: embedded,
            linkerSettings: module(exports: "PAMUsher/pam_usher.map", libraries: ["pam", "audit"])),
        .target(
            name: "NSSUsher", dependencies: ["CUsherNSS"], exclude: ["nss_usher.map"], swiftSettings: embedded,
            linkerSettings: module(exports: "NSSUsher/nss_usher.map", libraries: [], soname: "libnss_usher.so.2")),

        // ring 1: pure, no I/O
        .target(
            name: "UsherTicket",
            dependencies: ["UsherWire", .product(name: "Crypto", package: "swift-crypto")], swiftSettings: strict),
        .target(name: "UsherPolicy", dependencies: ["UsherWire", "UsherTicket"], swiftSettings: strict),
        .target(
            name: "UsherConfig",
            dependencies: ["UsherWire", "UsherTicket", "UsherPolicy", "UsherEvidence"],
            swiftSettings: strict),
        .target(
            name: "UsherEvidence",
            dependencies: ["UsherWire", "UsherTicket", .product(name: "Crypto", package: "swift-crypto")],
            swiftSettings: strict),

        // ring 2: one outside thing each
        .target(name: "UsherSystem", dependencies: ["CUsherLinux"], swiftSettings: strict),
        .target(
            name: "UsherStore", dependencies: [.product(name: "GRDB", package: "GRDB.swift")],
            swiftSettings: strict),

        .systemLibrary(name: "CAuparse"),

        // ring 3: behaviour
        .target(
            name: "UsherAudit", dependencies: ["UsherWire", "UsherSystem", "CAuparse"], swiftSettings: strict),
        .target(
            name: "UsherAgent",
            dependencies: [
                "UsherWire", "UsherTicket", "UsherPolicy", "UsherConfig", "UsherEvidence", "UsherSystem", "UsherStore",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ], swiftSettings: strict),
        .target(
            name: "UsherExport", dependencies: ["UsherWire", "UsherEvidence", "UsherSystem"], swiftSettings: strict),
        // Apart, and a dependency of `usher` alone: what the agent is built from must not hold a TLS library.
        .target(
            name: "UsherTLS",
            dependencies: [
                "UsherExport", "UsherSystem",
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOTLS", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ], swiftSettings: strict),
        .target(name: "UsherClient", dependencies: ["UsherWire", "UsherSystem"], swiftSettings: strict),
        .target(
            name: "UsherCommands",
            dependencies: [
                "UsherWire", "UsherTicket", "UsherPolicy", "UsherConfig", "UsherEvidence", "UsherSystem",
                "UsherClient", "UsherAgent", "UsherExport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ], swiftSettings: strict),

        // ring 4: executables
        .executableTarget(
            name: "usherd", dependencies: ["UsherCommands"], swiftSettings: strict, linkerSettings: staticRuntime),
        .executableTarget(
            name: "usher", dependencies: ["UsherCommands", "UsherTLS"], swiftSettings: strict,
            linkerSettings: staticRuntime),
        .executableTarget(
            name: "usher-shell", dependencies: ["UsherWire", "UsherSystem"], swiftSettings: strict,
            linkerSettings: smallStaticRuntime),

        .executableTarget(
            name: "usher-audit", dependencies: ["UsherAudit", "UsherSystem"], swiftSettings: strict,
            linkerSettings: smallStaticRuntime),

        .testTarget(name: "UsherWireTests", dependencies: ["UsherWire"], swiftSettings: strict),
        .testTarget(name: "UsherPAMCoreTests", dependencies: ["UsherPAMCore", "UsherWire"], swiftSettings: strict),
        .testTarget(name: "UsherTicketTests", dependencies: ["UsherTicket", "UsherWire"], swiftSettings: strict),
        .testTarget(
            name: "UsherPolicyTests", dependencies: ["UsherPolicy", "UsherTicket", "UsherWire"], swiftSettings: strict),
        .testTarget(
            name: "UsherConfigTests",
            dependencies: ["UsherConfig", "UsherEvidence", "UsherPolicy", "UsherTicket", "UsherWire"],
            swiftSettings: strict),
        .testTarget(
            name: "UsherEvidenceTests", dependencies: ["UsherEvidence", "UsherTicket"], swiftSettings: strict),
        .testTarget(
            name: "UsherAuditTests", dependencies: ["UsherAudit", "UsherWire"], swiftSettings: strict),
        .testTarget(
            name: "UsherSystemTests", dependencies: ["UsherSystem", "UsherWire"], swiftSettings: strict),
        .testTarget(name: "UsherStoreTests", dependencies: ["UsherStore"], swiftSettings: strict),
        .testTarget(
            name: "UsherAgentTests",
            dependencies: [
                "UsherAgent", "UsherConfig", "UsherEvidence", "UsherStore", "UsherSystem", "UsherTicket", "UsherWire",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "UsherExportTests", dependencies: ["UsherExport", "UsherEvidence", "UsherWire"],
            swiftSettings: strict),
        .testTarget(name: "UsherTLSTests", dependencies: ["UsherTLS"], swiftSettings: strict),
        .testTarget(
            name: "UsherCommandsTests",
            dependencies: [
                "UsherWire", "UsherTicket", "UsherConfig", "UsherEvidence", "UsherSystem", "UsherClient",
                "UsherCommands", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)
