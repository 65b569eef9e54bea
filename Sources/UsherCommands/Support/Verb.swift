internal import ArgumentParser

/// A command that only groups others: without one of them the command line is wrong.
protocol Noun: ParsableCommand {}

/// A command that does something, over a console that is a parameter.
protocol Verb: ParsableCommand {
    func perform(_ console: Console) throws
}

/// A command that runs until it is told to stop.
protocol ServiceVerb: ParsableCommand {
    func perform(_ console: Console) async throws
}
