/* Loads a shared object as libpam and glibc do and lets it go again: load_driver FILE TIMES
   Prints resident KiB, descriptors and mappings before and after, and microseconds for one pair. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct usage {
    long kibibytes, descriptors, mappings;
};

static long count_entries(const char *path)
{
    DIR *directory = opendir(path);
    long count = 0;
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

static struct usage measure(void)
{
    struct usage usage = { .descriptors = count_entries("/proc/self/fd") };
    char line[512];
    FILE *status = fopen("/proc/self/status", "re");
    while (fgets(line, sizeof line, status) != NULL)
        sscanf(line, "VmRSS: %ld", &usage.kibibytes);
    fclose(status);
    FILE *maps = fopen("/proc/self/maps", "re");
    while (fgets(line, sizeof line, maps) != NULL)
        usage.mappings++;
    fclose(maps);
    return usage;
}

static void load(const char *path)
{
    void *handle = dlopen(path, RTLD_NOW);
    if (handle == NULL) {
        printf("%s\n", dlerror());
        exit(1);
    }
    dlclose(handle);
}

int main(int argc, char **argv)
{
    struct timespec start, end;
    if (argc != 3)
        return 2;
    int times = atoi(argv[2]);
    /* The first loads, and the first measurement, fill the caches of the allocator, the linker and stdio. */
    for (int index = 0; index < 100; index++)
        load(argv[1]);
    measure();
    struct usage before = measure();
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (int index = 0; index < times; index++)
        load(argv[1]);
    clock_gettime(CLOCK_MONOTONIC, &end);
    struct usage after = measure();
    double microseconds = (double)(end.tv_sec - start.tv_sec) * 1e6 + (double)(end.tv_nsec - start.tv_nsec) / 1e3;
    printf("%ld %ld %ld %ld %ld %ld %.2f\n", before.kibibytes, after.kibibytes, before.descriptors, after.descriptors,
           before.mappings, after.mappings, microseconds / times);
    return 0;
}
