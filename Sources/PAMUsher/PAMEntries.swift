internal import CUsherPAM

// The phases that Sources/CUsherPAM/entries.c calls; UsherPAMCore decides.

@c(usher_phase_authenticate) @implementation
func authenticate(_ host: UnsafePointer<usher_host>) -> Int32 {
    phases(host).authenticate().code
}

@c(usher_phase_account) @implementation
func authorize(_ host: UnsafePointer<usher_host>) -> Int32 {
    phases(host).authorize().code
}

@c(usher_phase_set_credentials) @implementation
func setCredentials(_ host: UnsafePointer<usher_host>) -> Int32 {
    // PAM_ESTABLISH_CRED, PAM_REINITIALIZE_CRED and PAM_REFRESH_CRED are one to us.
    host.pointee.flags & Int32(PAM_DELETE_CRED) != 0
        ? phases(host).deleteCredentials().code : phases(host).establishCredentials().code
}

@c(usher_phase_open_session) @implementation
func openSession(_ host: UnsafePointer<usher_host>) -> Int32 {
    phases(host).openSession().code
}

@c(usher_phase_close_session) @implementation
func closeSession(_ host: UnsafePointer<usher_host>) -> Int32 {
    phases(host).closeSession().code
}

private func phases(_ host: UnsafePointer<usher_host>) -> PAMPhases<ModuleHost> {
    var arguments: [[UInt8]] = []
    if let list = host.pointee.arguments {
        for index in 0..<Int(host.pointee.argument_count) { arguments.append([UInt8](terminated: list[index])) }
    }
    return PAMPhases(
        host: ModuleHost(host: host), arguments: arguments, isSilent: host.pointee.flags & Int32(PAM_SILENT) != 0)
}

extension PAMResult {
    fileprivate var code: Int32 {
        switch self {
        case .success: Int32(PAM_SUCCESS)
        case .permissionDenied: Int32(PAM_PERM_DENIED)
        case .authenticationUnavailable: Int32(PAM_AUTHINFO_UNAVAIL)
        case .serviceError: Int32(PAM_SERVICE_ERR)
        case .conversationError: Int32(PAM_CONV_ERR)
        }
    }
}
