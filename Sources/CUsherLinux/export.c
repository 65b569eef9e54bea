#define _GNU_SOURCE
#include "CUsherLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static int fill(int file, const void *bytes, size_t count) {
    for (size_t written = 0; written < count;) {
        ssize_t result = write(file, (const char *)bytes + written, count - written);
        if (result < 0 && errno == EINTR) continue;
        if (result < 0) return -1;
        written += (size_t)result;
    }
    // journald takes a file from memory of anybody only when nobody can change it any more.
    return fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
}

static int hand_over(int socket, int file) {
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof file)];
    } control = {0};
    struct msghdr message = {.msg_control = &control, .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof file);
    memcpy(CMSG_DATA(header), &file, sizeof file);
    ssize_t result;
    do result = sendmsg(socket, &message, MSG_NOSIGNAL);
    while (result < 0 && errno == EINTR);
    return result < 0 ? -1 : 0;
}

int usher_send_memory_file(int socket, const void *bytes, size_t count) {
    int file = memfd_create("usher-evidence", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (file < 0) return -1;
    int result = fill(file, bytes, count);
    if (result == 0) result = hand_over(socket, file);
    int reason = errno;
    close(file);
    errno = reason;
    return result;
}

int usher_unacknowledged_bytes(int socket) {
    int count = 0;
    if (ioctl(socket, SIOCOUTQ, &count) < 0) return -1;
    // Asked after it: a reset empties the queue, too.
    struct tcp_info state;
    socklen_t size = sizeof state;
    if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &state, &size) < 0) return -1;
    if (state.tcpi_state != TCP_ESTABLISHED) {
        errno = ENOTCONN;
        return -1;
    }
    return count;
}
