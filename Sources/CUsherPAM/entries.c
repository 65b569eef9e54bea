/* The entries that libpam looks up (pam_sm_authenticate(3) and its neighbours). */
#include "CUsherPAM.h"

/* The request and the reply are here, not on the heap, so that they are never moved or kept. */
static int run(int (*phase)(const struct usher_host *), pam_handle_t *pam, int flags, int argc, const char **argv)
{
    uint8_t request[USHER_CALL_BYTES], reply[USHER_REPLY_BYTES];
    int agent = -1;
    const struct usher_host host = {
        .pam = pam,
        .flags = flags,
        .argument_count = argc,
        .arguments = argv,
        .request = request,
        .reply = reply,
        .agent = &agent,
    };
    int code = phase(&host);
    /* Not one phase longer: sshd's unprivileged child would inherit it. */
    usher_hang_up(&host);
    return code;
}

PAM_EXTERN __attribute__((visibility("default"))) int
pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    return run(usher_phase_authenticate, pamh, flags, argc, argv);
}

PAM_EXTERN __attribute__((visibility("default"))) int
pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    return run(usher_phase_set_credentials, pamh, flags, argc, argv);
}

PAM_EXTERN __attribute__((visibility("default"))) int
pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    return run(usher_phase_account, pamh, flags, argc, argv);
}

PAM_EXTERN __attribute__((visibility("default"))) int
pam_sm_open_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    return run(usher_phase_open_session, pamh, flags, argc, argv);
}

PAM_EXTERN __attribute__((visibility("default"))) int
pam_sm_close_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    return run(usher_phase_close_session, pamh, flags, argc, argv);
}

/* A ticket has no password that could be changed. */
PAM_EXTERN __attribute__((visibility("default"))) int
pam_sm_chauthtok(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    (void)pamh, (void)flags, (void)argc, (void)argv;
    return PAM_PERM_DENIED;
}
