// storm FILE PREFIX COUNT: starts COUNT programs as fast as it can, each of which appends its own id and the time, in
// milliseconds since 1970, to FILE. storm FILE ID: is one of them. So what ran is known without anybody's audit.
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int mark(const char *path, const char *id) {
    char line[128];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    long long time = now.tv_sec * 1000LL + now.tv_nsec / 1000000;
    int length = snprintf(line, sizeof line, "%s %lld\n", id, time);
    int file = open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);
    // One write of a few bytes to a file opened for appending is whole.
    return file < 0 || write(file, line, (size_t)length) != length;
}

int main(int count, char **words) {
    if (count == 3) return mark(words[1], words[2]);
    if (count != 4) return 2;
    long programs = strtol(words[3], NULL, 10);
    char *environment[] = {NULL};
    for (long number = 0; number < programs; number++) {
        char id[96];
        snprintf(id, sizeof id, "%s-%ld", words[2], number);
        char *arguments[] = {words[0], words[1], id, NULL};
        pid_t child;
        int status = 0;
        if (posix_spawn(&child, "/proc/self/exe", NULL, NULL, arguments, environment) != 0) return 1;
        if (waitpid(child, &status, 0) != child || status != 0) return 1;
    }
    return 0;
}
