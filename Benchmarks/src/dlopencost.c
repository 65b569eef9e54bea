/*
 * dlopencost - what loading a PAM module costs a process that has libpam already.
 *
 * usage: dlopencost COUNT MODULE.so...
 *
 * COUNT times, each module in turn, in a fresh process: time of dlopen(RTLD_NOW), as libpam does it, and how many
 * shared objects it brought along. Prints one JSON object for each module.
 */
#define _GNU_SOURCE
#include "samples.h"

#include <dlfcn.h>
#include <link.h>
#include <security/pam_appl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct cost {
    double open_us;
    int objects;
};

static int count_object(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)info;
    (void)size;
    ++*(int *)data;
    return 0;
}

static int objects(void)
{
    int count = 0;
    dl_iterate_phdr(count_object, &count);
    return count;
}

static void load(const char *module, int report)
{
    struct cost cost;
    int before = objects();
    double start = now_us();
    void *handle = dlopen(module, RTLD_NOW);
    cost.open_us = now_us() - start;
    if (!handle) {
        fprintf(stderr, "dlopencost: %s\n", dlerror());
        _exit(2);
    }
    cost.objects = objects() - before;
    _exit(write(report, &cost, sizeof cost) == sizeof cost ? 0 : 2);
}

static struct cost measure(const char *module)
{
    struct cost cost;
    int ends[2], status;
    if (pipe(ends) < 0)
        exit(2);
    pid_t pid = fork();
    if (pid == 0)
        load(module, ends[1]);
    close(ends[1]);
    ssize_t got = read(ends[0], &cost, sizeof cost);
    close(ends[0]);
    if (pid < 0 || waitpid(pid, &status, 0) < 0 || got != sizeof cost)
        exit(2);
    return cost;
}

int main(int argc, char **argv)
{
    long count = argc > 2 ? atol(argv[1]) : 0;
    int modules = argc - 2;
    if (count < 1) {
        fprintf(stderr, "usage: dlopencost COUNT MODULE.so...\n");
        return 2;
    }
    pam_strerror(NULL, 0); /* a call, so that the linker keeps libpam and the loader has bound it */
    double *samples = calloc((size_t)(count * modules), sizeof *samples);
    int *added = calloc((size_t)modules, sizeof *added);
    if (!samples || !added)
        return 2;
    for (long i = 0; i < count; i++)
        for (int m = 0; m < modules; m++) {
            struct cost cost = measure(argv[m + 2]);
            samples[m * count + i] = cost.open_us;
            added[m] = cost.objects;
        }
    for (int m = 0; m < modules; m++) {
        printf("{\"module\":\"%s\",\"count\":%ld,\"objects_added\":%d,\"dlopen_us\":{", argv[m + 2], count, added[m]);
        print_quantiles(samples + m * count, count);
        printf("}}\n");
    }
    return 0;
}
