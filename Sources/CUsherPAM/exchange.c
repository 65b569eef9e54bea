/* Calls to the agent and their answers, before a deadline, on one connection for each phase. */
#define _GNU_SOURCE /* struct ucred */
#include "CUsherPAM.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { NANOSECONDS = 1000000000, NANOSECONDS_PER_MILLISECOND = 1000000 };

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * NANOSECONDS + time.tv_nsec;
}

int64_t usher_deadline(int64_t seconds)
{
    return now() + seconds * NANOSECONDS;
}

void usher_wipe(uint8_t *bytes, size_t length)
{
    explicit_bzero(bytes, length);
}

/* Whole milliseconds until the deadline, rounded up, at most `most`; 0 when it is over. */
static int milliseconds_until(int64_t deadline, int most)
{
    int64_t left = deadline - now();
    if (left <= 0)
        return 0;
    int64_t milliseconds = (left + NANOSECONDS_PER_MILLISECOND - 1) / NANOSECONDS_PER_MILLISECOND;
    return milliseconds < most ? (int)milliseconds : most;
}

/* Waits for an event, or with fd -1 for `most` milliseconds. False, with errno, when the deadline is over. */
static bool wait_until(int64_t deadline, int fd, short events, int most)
{
    for (;;) {
        struct pollfd entry = { .fd = fd, .events = events };
        int timeout = milliseconds_until(deadline, most);
        if (timeout == 0) {
            errno = ETIMEDOUT;
            return false;
        }
        int ready = poll(&entry, 1, timeout);
        if (ready > 0 || (ready == 0 && fd < 0))
            return true;
        if (ready < 0 && errno != EINTR)
            return false;
    }
}

enum { WHOLE_DEADLINE = 60000, BACKLOG_PAUSE = 5 };

/* A full backlog gives EAGAIN, which poll cannot wait for on an AF_UNIX socket (connect(2), unix(7)). */
static bool connect_until(int64_t deadline, int fd, const struct sockaddr_un *address)
{
    while (connect(fd, (const struct sockaddr *)address, sizeof *address) != 0) {
        if (errno != EAGAIN && errno != EINTR)
            return false;
        if (!wait_until(deadline, -1, 0, BACKLOG_PAUSE))
            return false;
    }
    return true;
}

static bool send_until(int64_t deadline, int fd, const uint8_t *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
        if (sent >= 0) {
            bytes += sent;
            length -= (size_t)sent;
        } else if (errno == EAGAIN) {
            if (!wait_until(deadline, fd, POLLOUT, WHOLE_DEADLINE))
                return false;
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

static enum usher_stage receive_until(int64_t deadline, int fd, uint8_t *reply, size_t *reply_length)
{
    size_t length = 0;
    while (length < USHER_REPLY_BYTES) {
        ssize_t received = recv(fd, reply + length, USHER_REPLY_BYTES - length, 0);
        if (received == 0)
            return USHER_CLOSED;
        if (received < 0) {
            if (errno != EINTR && (errno != EAGAIN || !wait_until(deadline, fd, POLLIN, WHOLE_DEADLINE)))
                return USHER_RECEIVE;
            continue;
        }
        const uint8_t *end = memchr(reply + length, 0, (size_t)received);
        length += (size_t)received;
        if (end != NULL) {
            *reply_length = (size_t)(end - reply);
            return *reply_length + 1 == length ? USHER_ANSWERED : USHER_TRAILING_BYTES;
        }
    }
    return USHER_REPLY_TOO_LONG;
}

/* The credentials are those of whoever listens: a socket that another user put in the agent's place is not it. */
static enum usher_stage check_peer(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return USHER_SOCKET;
    errno = 0;
    return peer.uid == 0 ? USHER_ANSWERED : USHER_PEER;
}

static enum usher_stage connect_agent(const struct usher_host *host, const uint8_t *path, size_t path_length,
                                      int64_t deadline)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (path_length >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return USHER_CONNECT;
    }
    memcpy(address.sun_path, path, path_length);
    *host->agent = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (*host->agent < 0)
        return USHER_SOCKET;
    return connect_until(deadline, *host->agent, &address) ? check_peer(*host->agent) : USHER_CONNECT;
}

enum usher_stage usher_exchange(const struct usher_host *host, const uint8_t *path, size_t path_length,
                                size_t request_length, int64_t deadline, size_t *reply_length, int *error)
{
    enum usher_stage stage = USHER_ANSWERED;
    if (*host->agent < 0)
        stage = connect_agent(host, path, path_length, deadline);
    if (stage == USHER_ANSWERED && !send_until(deadline, *host->agent, host->request, request_length))
        stage = USHER_SEND;
    if (stage == USHER_ANSWERED)
        stage = receive_until(deadline, *host->agent, host->reply, reply_length);
    bool has_errno = stage == USHER_SOCKET || stage == USHER_CONNECT || stage == USHER_SEND || stage == USHER_RECEIVE;
    *error = has_errno ? errno : 0;
    if (stage != USHER_ANSWERED)
        usher_hang_up(host);
    return stage;
}

void usher_hang_up(const struct usher_host *host)
{
    if (*host->agent >= 0)
        close(*host->agent);
    *host->agent = -1;
}
