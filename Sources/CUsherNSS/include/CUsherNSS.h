/* The C side of libnss_usher.so.2: glibc's structures and the files in the accounts directory. NSSUsher decides
   which account or group a lookup finds. Nothing here allocates, except where glibc's contract has it grow a list. */
#ifndef CUSHERNSS_H
#define CUSHERNSS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a function that Swift implements is called there. */
#define USHER_SWIFT(name) __attribute__((swift_name(name)))

enum {
    USHER_FILE_NAME_BYTES = 48, /* `group.` and the longest name of a group, 31 bytes, with room */
    USHER_RECORD_BYTES = 4096,  /* AccountRecord.accountBytes */
    USHER_BATCH_NAMES = 128,
};

enum usher_status {
    USHER_FOUND,
    USHER_NONE,
    /* No file could be opened for want of descriptors or memory; errno says which. */
    USHER_UNAVAILABLE,
    /* The caller's buffer does not hold the answer. */
    USHER_TOO_SMALL,
};

struct usher_text {
    const uint8_t *_Nonnull bytes;
    size_t length;
};

/* An account that a lookup found. Texts point to constants, into `record` or to the lookup's argument. */
struct usher_account {
    uint8_t *_Nonnull record; /* USHER_RECORD_BYTES for the account's file, on the caller's stack */
    struct usher_text name;
    uint32_t uid; /* and gid */
    struct usher_text comment;
    struct usher_text homes; /* the home is `homes`/`name` */
    struct usher_text shell;
    struct usher_text groups; /* decimal gids, each before a comma but the last */
};

/* A role group, in the bytes of its file. */
struct usher_group {
    uint32_t gid;
    size_t length; /* of the file */
    size_t name, name_length;       /* offset and length */
    size_t members, members_length; /* names, each before a comma but the last */
    size_t member_count;
};

/* A position in the directory's names in byte order: the last one passed, and the next ones as they stood when they
   were read. One at a time, each after a scan of the whole directory, 10,000 sessions took minutes. */
struct usher_cursor {
    char last[USHER_FILE_NAME_BYTES];
    size_t next, count;
    char names[USHER_BATCH_NAMES][USHER_FILE_NAME_BYTES];
};

/* Lookups, in Swift. */

/* A live account. */
USHER_SWIFT("liveAccountNamed(_:_:)")
enum usher_status usher_live_account_named(const char *_Nonnull name, struct usher_account *_Nonnull account);
/* For root any account whose name has the form, computed; for others a live one. */
USHER_SWIFT("accountNamed(_:_:)")
enum usher_status usher_account_named(const char *_Nonnull name, struct usher_account *_Nonnull account);
USHER_SWIFT("accountWithUID(_:_:)")
enum usher_status usher_account_with_uid(uint32_t uid, struct usher_account *_Nonnull account);
/* The live account at the cursor, which passes over what is none and stays at what is one. */
USHER_SWIFT("nextAccount(_:_:)")
enum usher_status usher_next_account(struct usher_cursor *_Nonnull cursor, struct usher_account *_Nonnull account);
/* Reads the next gid of an account's groups; false at the end. */
USHER_SWIFT("nextGID(_:_:_:)")
bool usher_next_gid(const struct usher_account *_Nonnull account, size_t *_Nonnull position, uint32_t *_Nonnull gid);

/* These read a group's file into `buffer`. */

USHER_SWIFT("groupNamed(_:_:_:_:)")
enum usher_status usher_group_named(const char *_Nonnull name, uint8_t *_Nonnull buffer, size_t capacity,
                                    struct usher_group *_Nonnull group);
USHER_SWIFT("groupWithGID(_:_:_:_:)")
enum usher_status usher_group_with_gid(uint32_t gid, uint8_t *_Nonnull buffer, size_t capacity,
                                       struct usher_group *_Nonnull group);
USHER_SWIFT("nextGroup(_:_:_:_:)")
enum usher_status usher_next_group(struct usher_cursor *_Nonnull cursor, uint8_t *_Nonnull buffer, size_t capacity,
                                   struct usher_group *_Nonnull group);

/* Reads a whole file of a directory, when both belong to root and nobody else can write them. */
enum usher_status usher_read(const char *_Nonnull directory, const char *_Nonnull name, size_t limit,
                             uint8_t *_Nonnull buffer, size_t capacity, size_t *_Nonnull length);
/* The first name behind those passed that starts with `prefix`. */
enum usher_status usher_peek(struct usher_cursor *_Nonnull cursor, const char *_Nonnull directory,
                             const char *_Nonnull prefix, const char *_Nullable *_Nonnull name);
void usher_pass(struct usher_cursor *_Nonnull cursor);
/* Write a prefix and a decimal number or a text, terminated and never more than USHER_FILE_NAME_BYTES. */
void usher_numbered_name(const char *_Nonnull prefix, uint32_t number, char *_Nonnull name);
void usher_prefixed_name(const char *_Nonnull prefix, const char *_Nonnull text, char *_Nonnull name);
size_t usher_length(const char *_Nonnull text);
/* Whether the caller's effective uid is 0. */
bool usher_is_root(void);

#endif
