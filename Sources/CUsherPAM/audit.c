/* The session's record in the kernel's audit stream. */
#include "CUsherPAM.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libaudit.h>
#include <unistd.h>

static bool is_address(const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

int usher_audit(const uint8_t *text, const uint8_t *remote_host, const uint8_t *terminal)
{
    const char *host = remote_host != NULL ? (const char *)remote_host : "?";
    /* With an address of its own libaudit does not ask DNS for one, which no deadline of ours would bound. */
    const char *address = is_address(host) ? host : "?";
    int fd = audit_open();
    if (fd < 0)
        return errno > 0 ? errno : EIO;
    int result = -1;
    int enabled = audit_is_enabled(fd);
    if (enabled < 0) {
        result = errno > 0 ? errno : EIO;
    } else if (enabled > 0) {
        /* libaudit returns 0 where the kernel has no audit or denies it to a real uid other than 0 (su, sudo), and a
           sequence number above 0 where the record was taken. */
        errno = 0;
        int sequence = audit_log_user_message(fd, AUDIT_USER_MGMT, (const char *)text, host, address,
                                              terminal != NULL ? (const char *)terminal : "?", 1);
        if (sequence > 0)
            result = 0;
        else
            result = sequence < 0 ? -sequence : errno > 0 ? errno : EPERM;
    }
    audit_close(fd);
    return result;
}
