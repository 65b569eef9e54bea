// What Swift cannot reach itself: headers that its Glibc module leaves out, variadic calls, and libaudit, whose
// headers need kernel headers. One wrapper a call, no policy. Results are those of the call; errno is set.
#pragma once

#include <stdint.h>
#include <sys/pidfd.h>
#include <sys/random.h>
#include <sys/types.h>

// The kernel's audit state (struct audit_status of linux/audit.h), the fields that Usher reads.
struct usher_audit_status {
    uint32_t enabled;
    uint32_t failure;
    uint32_t daemon_pid;
    uint32_t rate_limit;
    uint32_t backlog_limit;
    uint32_t lost;
    uint32_t backlog;
};

// A netlink socket to the kernel's audit, close-on-exec; -1 on failure.
int usher_audit_open(void);

// Asks for the state on a socket of its own use and waits at most timeout_ms for the answer (ETIMEDOUT after it).
int usher_audit_get_status(int descriptor, int timeout_ms, struct usher_audit_status *status);

// Writes one user record through libaudit, which appends exe, hostname, addr, terminal and res.
int usher_audit_write(int descriptor, int type, const char *text, int success);

// posix_spawn of a program with no descriptors but 0 (/dev/null), 1 and 2 (the two given), default signals, an empty
// signal mask and a process group of its own. Returns an error number, 0 on success.
int usher_spawn(pid_t *pid, const char *program, char *const arguments[], char *const environment[], int output,
                int error_output);

// pipe2(2) with O_CLOEXEC.
int usher_pipe(int ends[2]);

// syslog(3) with LOG_AUTHPRIV and one string.
void usher_syslog_authpriv(int priority, const char *identity, const char *text);

// epoll, whose packed union Swift cannot hold safely. A descriptor is reported once, by the number it was added with.
int usher_epoll_open(void);
int usher_epoll_add_once(int epoll, int descriptor, uint64_t number);
// Waits without end; returns how many numbers it wrote, -1 with EINTR after a signal.
int usher_epoll_wait(int epoll, uint64_t *numbers, int capacity);
