/*
 * lookups - what getpwnam_r of names costs through glibc's name service switch.
 *
 * usage: lookups COUNT NAME...
 *
 * COUNT times, each name in turn, in one process, after a first lookup that loads the NSS modules.
 * Prints one JSON object for each name. Exit 1 when a name does not resolve.
 */
#define _GNU_SOURCE
#include "samples.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>

/* The uid, or -1. */
static long look_up(const char *name)
{
    struct passwd record, *found = NULL;
    char buffer[4096];
    if (getpwnam_r(name, &record, buffer, sizeof buffer, &found) != 0 || !found)
        return -1;
    return (long)found->pw_uid;
}

int main(int argc, char **argv)
{
    long count = argc > 2 ? atol(argv[1]) : 0;
    int names = argc - 2;
    if (count < 1) {
        fprintf(stderr, "usage: lookups COUNT NAME...\n");
        return 2;
    }
    double *samples = calloc((size_t)(count * names), sizeof *samples);
    if (!samples)
        return 2;
    for (int n = 0; n < names; n++)
        if (look_up(argv[n + 2]) < 0) {
            fprintf(stderr, "lookups: %s does not resolve\n", argv[n + 2]);
            return 1;
        }
    for (long i = 0; i < count; i++)
        for (int n = 0; n < names; n++) {
            double start = now_us();
            long uid = look_up(argv[n + 2]);
            samples[n * count + i] = now_us() - start;
            if (uid < 0) {
                fprintf(stderr, "lookups: %s vanished\n", argv[n + 2]);
                return 1;
            }
        }
    for (int n = 0; n < names; n++) {
        printf("{\"name\":\"%s\",\"uid\":%ld,\"count\":%ld,\"getpwnam_us\":{", argv[n + 2], look_up(argv[n + 2]),
               count);
        print_quantiles(samples + n * count, count);
        printf("}}\n");
    }
    return 0;
}
