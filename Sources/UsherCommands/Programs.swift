internal import ArgumentParser
internal import UsherClient
internal import UsherConfig
public import UsherExport
internal import UsherSystem

/// The two programs; each `main` calls one of these.
public enum Programs {
    /// `usher`: does what the process's arguments say and ends the process.
    ///
    /// - Parameter connector: TLS, which is no part of this module: the agent is built from it, too.
    public static func usher(connector: any SyslogConnector) -> Never {
        var console = Console.standard
        console.connector = connector
        let status = Program<Usher>(console: console).run(Array(CommandLine.arguments.dropFirst()))
        Usher.exit(withError: ExitCode(status.rawValue))
    }

    /// `usherd`: likewise.
    public static func usherd() async -> Never {
        let status = await Program<Usherd>(console: .standard).run(Array(CommandLine.arguments.dropFirst()))
        Usherd.exit(withError: ExitCode(status.rawValue))
    }
}

/// From arguments to an exit status.
struct Program<Root: ParsableCommand> {
    let console: Console

    func run(_ arguments: [String]) -> ExitStatus {
        do {
            try perform(try Root.parseAsRoot(arguments))
            return .success
        } catch {
            return report(error)
        }
    }

    func run(_ arguments: [String]) async -> ExitStatus {
        do {
            let command = try Root.parseAsRoot(arguments)
            if let service = command as? any ServiceVerb {
                try await service.perform(console)
            } else {
                try perform(command)
            }
            return .success
        } catch {
            return report(error)
        }
    }

    private func perform(_ command: any ParsableCommand) throws {
        switch command {
        case let verb as any Verb: try verb.perform(console)
        case is any Noun:
            throw Failure(
                Root.helpMessage(for: type(of: command), columns: columns(console.noticeStyle)), status: .usage)
        default:
            // `help` and the like: they throw the text to show.
            var command = command
            try command.run()
        }
    }

    /// Tells the reader what ended the command: on standard output what was asked for, such as help.
    private func report(_ error: any Error) -> ExitStatus {
        switch error {
        case let failure as Failure:
            complain(failure)
            return failure.status
        case let error as ControlError: return report(Failure(error))
        case let error as SystemError: return report(Failure(error))
        case let exit as ExitCode: return ExitStatus(rawValue: exit.rawValue) ?? .failure
        case let error as ConfigurationError:
            DiagnosticReport.show(error.diagnostics, console)
            return report(Failure("the configuration has \(counted(error.diagnostics.count, "mistake"))"))
        default: return reportParsing(error)
        }
    }

    /// What ArgumentParser has to say: help, the version, or what is wrong with the command line.
    private func reportParsing(_ error: any Error) -> ExitStatus {
        switch Root.exitCode(for: error) {
        case .success: return printing(Root.fullMessage(for: error, columns: columns(console.style)))
        case .validationFailure:
            console.notify(Root.fullMessage(for: error, columns: columns(console.noticeStyle)) + "\n")
            return .usage
        default: return report(Failure("\(error)"))
        }
    }

    /// As wide as the terminal; elsewhere always the same.
    private func columns(_ style: Style) -> Int? {
        style.isTerminal ? nil : 80
    }

    private func printing(_ text: String) -> ExitStatus {
        do {
            try console.print(text + "\n")
            return .success
        } catch {
            return report(error)
        }
    }

    /// Help stands as it is; a failure is one line with the program's name, as for any other Unix program.
    private func complain(_ failure: Failure) {
        guard failure.status != .usage else { return console.notify(failure.message + "\n") }
        let name = Root.configuration.commandName ?? "usher"
        console.notify("\(console.noticeStyle.apply(.bad, name + ":")) \(failure.message)\n")
    }
}
