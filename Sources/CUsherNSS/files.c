/* Reading the accounts directory. Its files are judged by the descriptor, after they are open. */
#define _GNU_SOURCE /* getdents64 */
#include "CUsherNSS.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_roots_alone(const struct stat *status)
{
    return status->st_uid == 0 && (status->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static enum usher_status status_of_failed_open(void)
{
    return errno == EMFILE || errno == ENFILE || errno == ENOMEM ? USHER_UNAVAILABLE : USHER_NONE;
}

/* A descriptor of the directory, or -1. */
static int open_directory(const char *path, enum usher_status *result)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        *result = status_of_failed_open();
        return -1;
    }
    if (fstat(fd, &status) == 0 && is_roots_alone(&status))
        return fd;
    close(fd);
    *result = USHER_NONE;
    return -1;
}

/* Whole or not at all: a file that changes its size meanwhile is none. */
static enum usher_status read_whole(int fd, size_t limit, uint8_t *buffer, size_t capacity, size_t *length)
{
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || !is_roots_alone(&status))
        return USHER_NONE;
    if (status.st_size <= 0 || (uintmax_t)status.st_size > limit)
        return USHER_NONE;
    size_t size = (size_t)status.st_size, total = 0;
    if (size > capacity)
        return USHER_TOO_SMALL;
    while (total < size) {
        ssize_t count = read(fd, buffer + total, size - total);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return USHER_NONE;
        total += (size_t)count;
    }
    *length = total;
    return USHER_FOUND;
}

enum usher_status usher_read(const char *directory, const char *name, size_t limit, uint8_t *buffer, size_t capacity,
                             size_t *length)
{
    enum usher_status result = USHER_NONE;
    int directory_fd = open_directory(directory, &result);
    if (directory_fd < 0)
        return result;
    /* O_NONBLOCK: opening a FIFO must not wait for its writer. */
    int fd = openat(directory_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    result = fd < 0 ? status_of_failed_open() : read_whole(fd, limit, buffer, capacity, length);
    if (fd >= 0)
        close(fd);
    close(directory_fd);
    return result;
}

struct entry_header {
    uint64_t inode;
    int64_t offset;
    uint16_t length;
    uint8_t type;
    char name[];
};

/* Whether a name stands between the cursor and the best one so far. */
static bool is_nearer(const char *name, const char *prefix, const char *cursor, const char *best)
{
    return strncmp(name, prefix, strlen(prefix)) == 0 && strlen(name) < USHER_FILE_NAME_BYTES && strcmp(name, cursor) > 0
        && (best[0] == '\0' || strcmp(name, best) < 0);
}

/* readdir(3) would allocate; so this reads the kernel's entries into the stack. */
enum usher_status usher_next_name(const char *directory, const char *prefix, char *cursor)
{
    _Alignas(struct entry_header) char block[4096];
    char best[USHER_FILE_NAME_BYTES] = "";
    enum usher_status result = USHER_NONE;
    int fd = open_directory(directory, &result);
    if (fd < 0)
        return result;
    for (;;) {
        ssize_t size = getdents64(fd, block, sizeof block);
        if (size <= 0)
            break;
        for (ssize_t position = 0; position < size;) {
            const struct entry_header *entry = (const struct entry_header *)(block + position);
            if (is_nearer(entry->name, prefix, cursor, best))
                strcpy(best, entry->name);
            position += entry->length;
        }
    }
    close(fd);
    if (best[0] == '\0')
        return USHER_NONE;
    strcpy(cursor, best);
    return USHER_FOUND;
}

void usher_numbered_name(const char *prefix, uint32_t number, char *name)
{
    snprintf(name, USHER_FILE_NAME_BYTES, "%s%" PRIu32, prefix, number);
}

void usher_prefixed_name(const char *prefix, const char *text, char *name)
{
    snprintf(name, USHER_FILE_NAME_BYTES, "%s%s", prefix, text);
}

size_t usher_length(const char *text)
{
    return strlen(text);
}
