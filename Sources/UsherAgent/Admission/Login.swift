internal import UsherWire

/// The facts of a login as the PAM module gives them.
struct Login: Sendable, Equatable {
    var user: String
    var service: String
    var terminal: String?
    var remoteHost: String?
    var remoteUser: String?

    init(_ parameters: Parameters) throws(ParameterError) {
        var parameters = parameters
        user = try parameters.string("user")
        service = try parameters.string("service")
        terminal = try parameters.optionalString("terminal")
        remoteHost = try parameters.optionalString("remoteHost")
        remoteUser = try parameters.optionalString("remoteUser")
        try parameters.finish()
        for (name, item) in [
            ("user", user), ("service", service), ("terminal", terminal), ("remoteHost", remoteHost),
            ("remoteUser", remoteUser),
        ] {
            guard (item?.utf8.count ?? 0) <= Limits.itemBytes else { throw ParameterError(name: name) }
        }
    }
}

extension Login {
    /// For a refusal in a phase that carries the session's id only.
    init(user: String, service: String) {
        self.user = user
        self.service = service
    }
}
