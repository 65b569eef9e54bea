/*
 * transactions - whole PAM logins, each in a freshly forked process whose parent never called into
 * PAM: what sshd, cron and su pay. Wall time includes fork, exit and wait.
 *
 * usage: transactions CONFDIR SERVICE LOGINS COUNT PARALLEL
 *
 * LOGINS has lines of `user TAB answer`; they are used in order and from the start again when COUNT
 * is larger, so a file of one-time answers must have at least COUNT lines. Prints one JSON object:
 * seconds of the whole batch, and arrays over the logins that went through. Exit 1 when a login failed.
 */
#define _GNU_SOURCE
#include "pamlogin.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct batch {
    atomic_long next;
    atomic_int ready;
    atomic_int go;
};

static void wait_for(pid_t pid)
{
    while (waitpid(pid, NULL, 0) < 0)
        if (errno != EINTR)
            die("waitpid");
}

static void work(struct batch *batch, const struct stack *stack, const struct login *logins, long available,
                 struct login_result *results, long count)
{
    atomic_fetch_add(&batch->ready, 1);
    while (!atomic_load(&batch->go))
        usleep(100);
    for (;;) {
        long index = atomic_fetch_add(&batch->next, 1);
        if (index >= count)
            _exit(0);
        int64_t start = now_ns();
        pid_t pid = fork();
        if (pid < 0)
            die("fork");
        if (pid == 0) {
            run_login(stack, &logins[index % available], &results[index], NULL, NULL);
            _exit(0);
        }
        wait_for(pid);
        results[index].wall_ns = now_ns() - start;
    }
}

static void print_array(const char *name, const struct login_result *results, long count, int stage)
{
    int first = 1;
    printf(",\"%s\":[", name);
    for (long i = 0; i < count; i++) {
        if (!results[i].finished || results[i].code)
            continue;
        int64_t value = stage < 0 ? results[i].wall_ns : results[i].stage_ns[stage];
        printf("%s%.1f", first ? "" : ",", (double)value / 1000.0);
        first = 0;
    }
    printf("]");
}

static long print_results(const struct login_result *results, long count, double seconds)
{
    long good = 0, first_failure = -1;
    for (long i = 0; i < count; i++) {
        if (results[i].finished && !results[i].code)
            good++;
        else if (first_failure < 0)
            first_failure = i;
    }
    printf("{\"count\":%ld,\"failed\":%ld,\"seconds\":%.6f", count, count - good, seconds);
    if (first_failure >= 0) {
        const struct login_result *failure = &results[first_failure];
        printf(",\"first_failure\":{\"index\":%ld,\"finished\":%d,\"code\":%d,\"stage\":\"%s\",\"message\":\"",
               first_failure, failure->finished, failure->code, stage_names[failure->failed_at]);
        for (const char *c = failure->message; *c; c++)
            putchar(*c < ' ' || *c == '"' || *c == '\\' ? '?' : *c);
        printf("\"}");
    }
    print_array("wall_us", results, count, -1);
    for (int stage = 0; stage < STAGE_COUNT; stage++) {
        char name[32];
        snprintf(name, sizeof name, "%s_us", stage_names[stage]);
        print_array(name, results, count, stage);
    }
    printf("}\n");
    return count - good;
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: transactions CONFDIR SERVICE LOGINS COUNT PARALLEL\n");
        return 2;
    }
    struct stack stack = {argv[1], argv[2]};
    long available, count = atol(argv[4]), parallel = atol(argv[5]);
    if (count < 1 || parallel < 1 || parallel > 256) {
        fprintf(stderr, "transactions: COUNT is at least 1, PARALLEL 1 to 256\n");
        return 2;
    }
    struct login *logins = read_logins(argv[3], &available);
    struct login_result *results = shared_memory((size_t)count * sizeof *results);
    struct batch *batch = shared_memory(sizeof *batch);

    for (long i = 0; i < parallel; i++) {
        pid_t pid = fork();
        if (pid < 0)
            die("fork");
        if (pid == 0)
            work(batch, &stack, logins, available, results, count);
    }
    while (atomic_load(&batch->ready) < parallel)
        usleep(100);
    int64_t start = now_ns();
    atomic_store(&batch->go, 1);
    for (long i = 0; i < parallel; i++)
        wait_for(-1);
    return print_results(results, count, (double)(now_ns() - start) / 1e9) ? 1 : 0;
}
