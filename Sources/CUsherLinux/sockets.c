#define _GNU_SOURCE
#include "CUsherLinux.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// The number of TCP_LISTEN in include/net/tcp_states.h.
enum { LISTENING = 10 };

static int request(int descriptor, int family) {
    struct {
        struct nlmsghdr header;
        struct inet_diag_req_v2 body;
    } message = {
        .header = {.nlmsg_len = sizeof message,
                   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .body = {.sdiag_family = (uint8_t)family, .sdiag_protocol = IPPROTO_TCP, .idiag_states = 1u << LISTENING},
    };
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    ssize_t sent =
        sendto(descriptor, &message, sizeof message, MSG_NOSIGNAL, (struct sockaddr *)&kernel, sizeof kernel);
    return sent < 0 ? -1 : 0;
}

// Reads answers until the kernel says that there are no more.
static int collect(int descriptor, struct usher_listener *listeners, int capacity) {
    _Alignas(struct nlmsghdr) char buffer[32768];
    int count = 0;
    for (;;) {
        ssize_t length = recv(descriptor, buffer, sizeof buffer, 0);
        if (length < 0 && errno == EINTR) continue;
        if (length <= 0) return -1;
        unsigned int left = (unsigned int)length;
        struct nlmsghdr *header = (struct nlmsghdr *)buffer;
        for (; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
            if (header->nlmsg_type == NLMSG_DONE) return count;
            if (header->nlmsg_type == NLMSG_ERROR) {
                struct nlmsgerr *error = NLMSG_DATA(header);
                errno = header->nlmsg_len >= NLMSG_LENGTH(sizeof *error) ? -error->error : EPROTO;
                return -1;
            }
            if (header->nlmsg_len < NLMSG_LENGTH(sizeof(struct inet_diag_msg))) continue;
            struct inet_diag_msg *socket = NLMSG_DATA(header);
            if (count == capacity) {
                errno = ENOSPC;
                return -1;
            }
            listeners[count].uid = socket->idiag_uid;
            listeners[count++].port = ntohs(socket->id.idiag_sport);
        }
    }
}

int usher_list_tcp_listeners(int family, struct usher_listener *listeners, int capacity) {
    int descriptor = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (descriptor < 0) return -1;
    int count = request(descriptor, family) < 0 ? -1 : collect(descriptor, listeners, capacity);
    int code = errno;
    close(descriptor);
    errno = code;
    return count;
}
