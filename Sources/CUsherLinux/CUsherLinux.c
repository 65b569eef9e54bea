#define _GNU_SOURCE
#include "CUsherLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <libaudit.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

int usher_audit_open(void) {
    return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);
}

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// 1: *status is the answer to `sequence`; 0: another message; -1: an error with errno.
static int read_status(const char *message, size_t length, uint32_t sequence, struct usher_audit_status *status) {
    struct nlmsghdr header;
    if (length < sizeof header) return 0;
    memcpy(&header, message, sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > length || header.nlmsg_seq != sequence) return 0;
    const char *payload = message + NLMSG_HDRLEN;
    size_t size = header.nlmsg_len - NLMSG_HDRLEN;
    if (header.nlmsg_type == NLMSG_ERROR) {
        struct nlmsgerr error;
        if (size < sizeof error) return 0;
        memcpy(&error, payload, sizeof error);
        if (error.error == 0) return 0;
        errno = -error.error;
        return -1;
    }
    // Kernels of different ages send different lengths; the fields read here end with `backlog`.
    if (header.nlmsg_type != AUDIT_GET || size < offsetof(struct audit_status, backlog) + sizeof(uint32_t)) return 0;
    struct audit_status kernel;
    memset(&kernel, 0, sizeof kernel);
    memcpy(&kernel, payload, size < sizeof kernel ? size : sizeof kernel);
    status->enabled = kernel.enabled;
    status->failure = kernel.failure;
    status->daemon_pid = kernel.pid;
    status->rate_limit = kernel.rate_limit;
    status->backlog_limit = kernel.backlog_limit;
    status->lost = kernel.lost;
    status->backlog = kernel.backlog;
    return 1;
}

// Asks the kernel; the answers carry the number that it returns in *sequence.
static int ask(int descriptor, uint16_t type, uint32_t *sequence) {
    // Differs between calls, so that an answer to an earlier one that came too late is not taken for this one's.
    struct timespec clock;
    clock_gettime(CLOCK_MONOTONIC, &clock);
    struct nlmsghdr request = {
        .nlmsg_len = NLMSG_LENGTH(0),
        .nlmsg_type = type,
        .nlmsg_flags = NLM_F_REQUEST,
        .nlmsg_seq = (uint32_t)clock.tv_nsec ^ ((uint32_t)clock.tv_sec << 30),
    };
    *sequence = request.nlmsg_seq;
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    ssize_t sent;
    do {
        sent = sendto(descriptor, &request, request.nlmsg_len, MSG_DONTWAIT | MSG_NOSIGNAL,
                      (struct sockaddr *)&kernel, sizeof kernel);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? -1 : 0;
}

// The next message of the kernel; its length, or -1 with ETIMEDOUT.
static ssize_t receive(int descriptor, int64_t deadline, char *message, size_t capacity) {
    for (;;) {
        int64_t left = deadline - now_ms();
        if (left <= 0) break;
        struct pollfd ready = {.fd = descriptor, .events = POLLIN};
        int count = poll(&ready, 1, (int)left);
        if (count < 0 && errno != EINTR) return -1;
        if (count <= 0) continue;
        struct sockaddr_nl sender;
        socklen_t size = sizeof sender;
        ssize_t length = recvfrom(descriptor, message, capacity, MSG_DONTWAIT, (struct sockaddr *)&sender, &size);
        if (length < 0 && errno != EINTR && errno != EAGAIN) return -1;
        // Another process may send to this socket's port; the kernel's port is 0.
        if (length <= 0 || size != sizeof sender || sender.nl_pid != 0) continue;
        return length;
    }
    errno = ETIMEDOUT;
    return -1;
}

int usher_audit_get_status(int descriptor, int timeout_ms, struct usher_audit_status *status) {
    uint32_t sequence;
    if (ask(descriptor, AUDIT_GET, &sequence) != 0) return -1;
    int64_t deadline = now_ms() + timeout_ms;
    for (;;) {
        char message[8192];
        ssize_t length = receive(descriptor, deadline, message, sizeof message);
        if (length < 0) return -1;
        int result = read_status(message, (size_t)length, sequence, status);
        if (result != 0) return result < 0 ? -1 : 0;
    }
}

int usher_audit_list_rules(int descriptor, int timeout_ms, const char *text, void *buffer, int capacity) {
    uint32_t sequence;
    if (ask(descriptor, AUDIT_LIST_RULES, &sequence) != 0) return -1;
    int64_t deadline = now_ms() + timeout_ms;
    int used = 0;
    for (;;) {
        // A rule's strings are at most a few paths and keys; audit_send_list_thread sends one rule a message.
        char message[16384];
        ssize_t length = receive(descriptor, deadline, message, sizeof message);
        if (length < 0) return -1;
        struct nlmsghdr header;
        if ((size_t)length < sizeof header) continue;
        memcpy(&header, message, sizeof header);
        if (header.nlmsg_len < sizeof header || header.nlmsg_len > (size_t)length) continue;
        if (header.nlmsg_seq != sequence) continue;
        const char *payload = message + NLMSG_HDRLEN;
        size_t size = header.nlmsg_len - NLMSG_HDRLEN;
        if (header.nlmsg_type == NLMSG_DONE) return used;
        if (header.nlmsg_type == NLMSG_ERROR) {
            struct nlmsgerr error;
            if (size < sizeof error) continue;
            memcpy(&error, payload, sizeof error);
            if (error.error == 0) continue;
            errno = -error.error;
            return -1;
        }
        if (header.nlmsg_type != AUDIT_LIST_RULES || size < sizeof(struct audit_rule_data)) continue;
        size_t strings = sizeof(struct audit_rule_data);
        if (memmem(payload + strings, size - strings, text, strlen(text)) == NULL) continue;
        if (size > (size_t)(capacity - used)) {
            errno = EMSGSIZE;
            return -1;
        }
        memcpy((char *)buffer + used, payload, size);
        used += (int)size;
    }
}

int usher_audit_write(int descriptor, int type, const char *text, int success) {
    // No hostname, address or terminal: libaudit would look a hostname up.
    errno = 0;
    int result = audit_log_user_message(descriptor, type, text, NULL, NULL, NULL, success);
    if (result > 0) return 0;
    // Depending on where libaudit fails, the reason stands in errno or, negated, in the result.
    if (errno == 0) errno = result < 0 ? -result : EIO;
    return -1;
}

static int prepare_actions(posix_spawn_file_actions_t *actions, int output, int error_output) {
    int code = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
    if (code == 0) code = posix_spawn_file_actions_adddup2(actions, output, 1);
    if (code == 0) code = posix_spawn_file_actions_adddup2(actions, error_output, 2);
    if (code == 0) code = posix_spawn_file_actions_addclosefrom_np(actions, 3);
    return code;
}

static int prepare_attributes(posix_spawnattr_t *attributes, short more) {
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    int code = posix_spawnattr_setsigdefault(attributes, &all);
    if (code == 0) code = posix_spawnattr_setsigmask(attributes, &none);
    if (code == 0) code = posix_spawnattr_setpgroup(attributes, 0);
    short flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | more;
    if (code == 0) code = posix_spawnattr_setflags(attributes, flags);
    return code;
}

int usher_spawn(pid_t *pid, const char *program, char *const arguments[], char *const environment[], int output,
                int error_output) {
    posix_spawn_file_actions_t actions;
    int code = posix_spawn_file_actions_init(&actions);
    if (code != 0) return code;
    posix_spawnattr_t attributes;
    code = posix_spawnattr_init(&attributes);
    if (code == 0) {
        code = prepare_actions(&actions, output, error_output);
        if (code == 0) code = prepare_attributes(&attributes, POSIX_SPAWN_SETPGROUP);
        if (code == 0) code = posix_spawn(pid, program, &actions, &attributes, arguments, environment);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return code;
}

int usher_spawn_resident(pid_t *pid, const char *program, char *const arguments[], char *const environment[]) {
    posix_spawn_file_actions_t actions;
    int code = posix_spawn_file_actions_init(&actions);
    if (code != 0) return code;
    posix_spawnattr_t attributes;
    code = posix_spawnattr_init(&attributes);
    if (code == 0) {
        code = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
        if (code == 0) code = posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
        if (code == 0) code = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
        if (code == 0) code = prepare_attributes(&attributes, POSIX_SPAWN_SETSID);
        if (code == 0) code = posix_spawn(pid, program, &actions, &attributes, arguments, environment);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return code;
}

void usher_return_free_memory(void) {
    malloc_trim(0);
}

int usher_pipe(int ends[2]) {
    return pipe2(ends, O_CLOEXEC);
}

void usher_syslog_authpriv(int priority, const char *identity, const char *text) {
    openlog(identity, LOG_PID | LOG_NDELAY, LOG_AUTHPRIV);
    syslog(LOG_AUTHPRIV | priority, "%s", text);
    closelog();
}
