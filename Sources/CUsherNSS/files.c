/* Reading the accounts directory. Its files are judged by the descriptor, after they are open. System calls are what
   a lookup costs, so there are no more than needed: one where there is no file, five where there is one. */
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

/* The directory's path and the longest file name. */
enum { PATH_BYTES = 128 };

static bool is_roots_alone(const struct stat *status)
{
    return status->st_uid == 0 && (status->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static enum usher_status status_of_failed_open(void)
{
    return errno == EMFILE || errno == ENFILE || errno == ENOMEM ? USHER_UNAVAILABLE : USHER_NONE;
}

/* Only root can put another directory in the place of one in /run/usher, so its path is as good as a descriptor. */
static bool is_right_directory(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0 && S_ISDIR(status.st_mode) && is_roots_alone(&status);
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
    char path[PATH_BYTES];
    if (snprintf(path, sizeof path, "%s/%s", directory, name) >= PATH_BYTES)
        return USHER_NONE;
    /* O_NONBLOCK: opening a FIFO must not wait for its writer. */
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return status_of_failed_open();
    enum usher_status result = is_right_directory(directory) ? read_whole(fd, limit, buffer, capacity, length)
                                                             : USHER_NONE;
    close(fd);
    return result;
}

struct entry_header {
    uint64_t inode;
    int64_t offset;
    uint16_t length;
    uint8_t type;
    char name[];
};

/* Takes a name into the batch, which stays in order and keeps the smallest. */
static void consider(struct usher_cursor *cursor, const char *name, const char *prefix)
{
    size_t place = cursor->count;
    if (strncmp(name, prefix, strlen(prefix)) != 0 || strlen(name) >= USHER_FILE_NAME_BYTES
        || strcmp(name, cursor->last) <= 0)
        return;
    while (place > 0 && strcmp(name, cursor->names[place - 1]) < 0)
        place--;
    /* A directory that changes while it is read can show a name twice. */
    if (place == USHER_BATCH_NAMES || (place > 0 && strcmp(name, cursor->names[place - 1]) == 0))
        return;
    if (cursor->count < USHER_BATCH_NAMES)
        cursor->count++;
    memmove(cursor->names[place + 1], cursor->names[place], (cursor->count - 1 - place) * sizeof cursor->names[0]);
    strcpy(cursor->names[place], name);
}

/* readdir(3) would allocate; so this reads the kernel's entries into the stack. */
static enum usher_status read_batch(struct usher_cursor *cursor, const char *directory, const char *prefix)
{
    _Alignas(struct entry_header) char block[4096];
    cursor->next = cursor->count = 0;
    if (!is_right_directory(directory))
        return USHER_NONE;
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return status_of_failed_open();
    for (;;) {
        ssize_t size = getdents64(fd, block, sizeof block);
        if (size <= 0)
            break;
        for (ssize_t position = 0; position < size;) {
            const struct entry_header *entry = (const struct entry_header *)(block + position);
            consider(cursor, entry->name, prefix);
            position += entry->length;
        }
    }
    close(fd);
    return cursor->count > 0 ? USHER_FOUND : USHER_NONE;
}

enum usher_status usher_peek(struct usher_cursor *cursor, const char *directory, const char *prefix, const char **name)
{
    /* Everything with this prefix is passed. */
    if (strncmp(cursor->last, prefix, strlen(prefix)) > 0)
        return USHER_NONE;
    if (cursor->next == cursor->count) {
        enum usher_status status = read_batch(cursor, directory, prefix);
        if (status != USHER_FOUND)
            return status;
    }
    *name = cursor->names[cursor->next];
    return strncmp(*name, prefix, strlen(prefix)) == 0 ? USHER_FOUND : USHER_NONE;
}

void usher_pass(struct usher_cursor *cursor)
{
    strcpy(cursor->last, cursor->names[cursor->next++]);
}

void usher_numbered_name(const char *prefix, uint32_t number, char *name)
{
    snprintf(name, USHER_FILE_NAME_BYTES, "%s%" PRIu32, prefix, number);
}

void usher_prefixed_name(const char *prefix, const char *text, char *name)
{
    snprintf(name, USHER_FILE_NAME_BYTES, "%s%s", prefix, text);
}

bool usher_is_root(void)
{
    return geteuid() == 0;
}

size_t usher_length(const char *text)
{
    return strlen(text);
}
