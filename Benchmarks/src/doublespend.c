/*
 * doublespend - hands the same one-time answer in from several processes at once and counts how
 * many of them get in.
 *
 * usage: doublespend CONFDIR SERVICE LOGINS CONTESTANTS
 *
 * Every line of LOGINS (`user TAB answer`) is tried once by CONTESTANTS processes that wait for each
 * other between pam_start and pam_authenticate. Prints one JSON object: how many answers were admitted
 * more than once, how many never led to a whole session, and the worst case. Exit 1 when either is not 0.
 */
#define _GNU_SOURCE
#include "pamlogin.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct barrier {
    atomic_int waiting;
    atomic_int expected;
};

/* Spins: a sleeping contestant would come too late to collide. Yields, as there may be fewer
 * processors than contestants. */
static void meet(void *context)
{
    struct barrier *barrier = context;
    atomic_fetch_add(&barrier->waiting, 1);
    int64_t give_up = now_ns() + 5000000000;
    while (atomic_load(&barrier->waiting) < atomic_load(&barrier->expected) && now_ns() < give_up)
        usleep(0);
}

static void contest(const struct stack *stack, const struct login *login, struct login_result *results,
                    struct barrier *barrier, int contestants)
{
    memset(results, 0, (size_t)contestants * sizeof *results);
    atomic_store(&barrier->waiting, 0);
    atomic_store(&barrier->expected, contestants);
    for (int i = 0; i < contestants; i++) {
        pid_t pid = fork();
        if (pid < 0)
            die("fork");
        if (pid == 0) {
            run_login(stack, login, &results[i], meet, barrier);
            _exit(0);
        }
    }
    for (int i = 0; i < contestants; i++)
        while (wait(NULL) < 0)
            if (errno != EINTR)
                die("wait");
}

int main(int argc, char **argv)
{
    int contestants = argc == 5 ? atoi(argv[4]) : 0;
    if (contestants < 2 || contestants > 256) {
        fprintf(stderr, "usage: doublespend CONFDIR SERVICE LOGINS CONTESTANTS (2 to 256)\n");
        return 2;
    }
    struct stack stack = {argv[1], argv[2]};
    long count;
    struct login *logins = read_logins(argv[3], &count);
    struct login_result *results = shared_memory((size_t)contestants * sizeof *results);
    struct barrier *barrier = shared_memory(sizeof *barrier);
    long repeated = 0, never = 0, died = 0;
    int worst = 0;

    for (long i = 0; i < count; i++) {
        int admitted = 0, whole = 0;
        contest(&stack, &logins[i], results, barrier, contestants);
        for (int k = 0; k < contestants; k++) {
            admitted += results[k].authenticated;
            whole += results[k].finished && !results[k].code;
            died += !results[k].finished;
        }
        repeated += admitted > 1;
        never += whole == 0;
        if (admitted > worst)
            worst = admitted;
    }
    printf("{\"tickets\":%ld,\"contestants\":%d,\"admitted_more_than_once\":%ld,\"never_admitted\":%ld,"
           "\"most_admissions\":%d,\"processes_that_died\":%ld}\n",
           count, contestants, repeated, never, worst, died);
    return repeated || never || died ? 1 : 0;
}
