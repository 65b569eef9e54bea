/*
 * One complete PAM login as the benchmarks run it: start, authenticate, acct_mgmt, open_session,
 * close_session, end, each step timed. Shared by transactions.c and doublespend.c.
 */
#ifndef PAMLOGIN_H
#define PAMLOGIN_H

#include <stddef.h>
#include <stdint.h>

enum stage { STAGE_START, STAGE_AUTHENTICATE, STAGE_ACCOUNT, STAGE_OPEN, STAGE_CLOSE, STAGE_END, STAGE_COUNT };

extern const char *const stage_names[STAGE_COUNT];

/* What one login did. `code` is the PAM code of `failed_at`; PAM_SUCCESS when nothing failed. */
struct login_result {
    int64_t wall_ns;              /* set by whoever forks */
    int64_t stage_ns[STAGE_COUNT];
    int32_t finished;             /* 0 when the process died on its way */
    int32_t authenticated;        /* pam_authenticate said yes */
    int32_t code;
    int32_t failed_at;
    char message[64];             /* the last PAM_ERROR_MSG, for whoever reads a failure */
};

/* A user and the answer to every prompt, both lying in a shared mapping of the logins file. */
struct login {
    const char *user;
    const char *answer;
};

struct stack {
    const char *confdir;          /* directory of service files, read instead of /etc/pam.d */
    const char *service;
};

/* CLOCK_MONOTONIC in nanoseconds. */
int64_t now_ns(void);

/* Prints to stderr and exits with 2: the benchmark itself could not run. */
void die(const char *what) __attribute__((noreturn));

/* Zeroed memory that forked processes share, and that fork() does not copy page by page. */
void *shared_memory(size_t bytes);

/* Reads lines of `user TAB answer`; exits when there is none. The lines live in shared memory, so
 * that the number of logins does not change what a fork costs. */
struct login *read_logins(const char *path, long *count);

/* Called after pam_start and before pam_authenticate; may be NULL. */
typedef void (*before_authenticate)(void *context);

/* The whole login in the calling process. */
void run_login(const struct stack *stack, const struct login *login, struct login_result *result,
               before_authenticate before, void *context);

#endif
