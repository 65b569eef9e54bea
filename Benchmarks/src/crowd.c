/* crowd COUNT: so many processes, this one among them, that wait to be killed. Prints "ready" once all are there.
 * They are children and grandchildren, a hundred a parent, as a build or a test run makes them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHILDREN 100

static void wait_for_the_end(void) {
    for (;;) pause();
}

/* Forks `count` children; each tells by a byte. */
static int start(long count, int told) {
    for (long number = 0; number < count; number++) {
        pid_t pid = fork();
        if (pid < 0) return -1;
        if (pid == 0) {
            if (write(told, "", 1) != 1) _exit(1);
            wait_for_the_end();
        }
    }
    return 0;
}

int main(int argc, char **argv) {
    char *end = NULL;
    long count = argc == 2 ? strtol(argv[1], &end, 10) : 0;
    int ends[2];
    if (count < 1 || count > 100000 || *end || pipe(ends) != 0) {
        fprintf(stderr, "usage: crowd COUNT (1 to 100000)\n");
        return 2;
    }
    long left = count - 1;
    while (left > 0) {
        long group = left < CHILDREN + 1 ? left : CHILDREN + 1;
        pid_t parent = fork();
        if (parent < 0) {
            perror("crowd: fork");
            return 1;
        }
        if (parent == 0) {
            if (start(group - 1, ends[1]) != 0 || write(ends[1], "", 1) != 1) {
                perror("crowd: fork");
                _exit(1);
            }
            wait_for_the_end();
        }
        left -= group;
    }
    char bytes[4096];
    for (long told = 0; told < count - 1;) {
        ssize_t taken = read(ends[0], bytes, sizeof bytes);
        if (taken <= 0) return 1;
        told += taken;
    }
    puts("ready");
    fflush(stdout);
    wait_for_the_end();
}
