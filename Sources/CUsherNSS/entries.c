/* The entries that glibc looks up ("Actions in the NSS configuration" and "NSS Module Function Internals", glibc
   manual). errno is left as it was unless the status is one that glibc reads it for. */
#include "CUsherNSS.h"

#include <errno.h>
#include <grp.h>
#include <nss.h>
#include <pthread.h>
#include <pwd.h>
#include <shadow.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define ENTRY __attribute__((visibility("default")))

/* The caller's buffer, filled from the front. */
struct room {
    char *next;
    size_t left;
};

static char *put(struct room *room, struct usher_text text)
{
    char *start = room->next;
    if (room->left <= text.length)
        return NULL;
    memcpy(start, text.bytes, text.length);
    start[text.length] = '\0';
    room->next += text.length + 1;
    room->left -= text.length + 1;
    return start;
}

static char *put_path(struct room *room, struct usher_text directory, struct usher_text name)
{
    char *start = put(room, directory);
    if (start == NULL)
        return NULL;
    room->next[-1] = '/';
    return put(room, name) != NULL ? start : NULL;
}

static const struct usher_text shadowed = { (const uint8_t *)"x", 1 }, locked = { (const uint8_t *)"*", 1 };

/* `saved` is errno at the entry; what a failed open left in errno goes to the caller only with UNAVAIL. */
static enum nss_status finish(enum usher_status status, int saved, int *errnop)
{
    int failed = errno;
    errno = saved;
    switch (status) {
    case USHER_FOUND:
        return NSS_STATUS_SUCCESS;
    case USHER_TOO_SMALL:
        *errnop = ERANGE;
        return NSS_STATUS_TRYAGAIN;
    case USHER_UNAVAILABLE:
        *errnop = failed;
        return NSS_STATUS_UNAVAIL;
    case USHER_NONE:
        break;
    }
    return NSS_STATUS_NOTFOUND;
}

static enum usher_status fill_passwd(const struct usher_account *account, struct passwd *result, char *buffer,
                                     size_t length)
{
    struct room room = { buffer, length };
    result->pw_name = put(&room, account->name);
    result->pw_passwd = put(&room, shadowed);
    result->pw_uid = account->uid;
    result->pw_gid = account->uid;
    result->pw_gecos = put(&room, account->comment);
    result->pw_dir = put_path(&room, account->homes, account->name);
    result->pw_shell = put(&room, account->shell);
    bool is_whole = result->pw_name != NULL && result->pw_passwd != NULL && result->pw_gecos != NULL
        && result->pw_dir != NULL && result->pw_shell != NULL;
    return is_whole ? USHER_FOUND : USHER_TOO_SMALL;
}

/* Where in the buffer an array of `count` pointers can begin, behind the first `used` bytes. */
static char **put_pointers(char *buffer, size_t length, size_t used, size_t count)
{
    size_t misalignment = ((uintptr_t)buffer + used) % _Alignof(char *);
    size_t start = used + (misalignment == 0 ? 0 : _Alignof(char *) - misalignment);
    if (start > length || (length - start) / sizeof(char *) < count)
        return NULL;
    return (char **)(void *)(buffer + start);
}

/* An account's own group: its name, its uid, nobody else. */
static enum usher_status fill_private_group(const struct usher_account *account, struct group *result, char *buffer,
                                            size_t length)
{
    struct room room = { buffer, length };
    result->gr_gid = account->uid;
    result->gr_name = put(&room, account->name);
    result->gr_passwd = put(&room, shadowed);
    result->gr_mem = put_pointers(buffer, length, (size_t)(room.next - buffer), 1);
    if (result->gr_name == NULL || result->gr_passwd == NULL || result->gr_mem == NULL)
        return USHER_TOO_SMALL;
    result->gr_mem[0] = NULL;
    return USHER_FOUND;
}

/* The file stands in the buffer; the record's texts are made of it in place. */
static enum usher_status fill_role_group(const struct usher_group *group, struct group *result, char *buffer,
                                         size_t length)
{
    char **members = put_pointers(buffer, length, group->length, group->member_count + 1);
    if (members == NULL)
        return USHER_TOO_SMALL;
    result->gr_gid = group->gid;
    result->gr_mem = members;
    result->gr_name = buffer + group->name;
    result->gr_name[group->name_length] = '\0';
    char *next = buffer + group->members, *end = next + group->members_length;
    *end = '\0';
    for (size_t index = 0; index < group->member_count; index++) {
        members[index] = next;
        while (next < end && *next != ',')
            next++;
        *next++ = '\0';
    }
    members[group->member_count] = NULL;
    /* The header is the file's first line and no longer needed. */
    result->gr_passwd = buffer;
    memcpy(buffer, "x", 2);
    return USHER_FOUND;
}

/* passwd and shadow */

ENTRY enum nss_status _nss_usher_getpwnam_r(const char *name, struct passwd *result, char *buffer, size_t length,
                                            int *errnop)
{
    int saved = errno;
    uint8_t record[USHER_RECORD_BYTES];
    struct usher_account account = { .record = record };
    enum usher_status status = usher_account_named(name, &account);
    if (status == USHER_FOUND)
        status = fill_passwd(&account, result, buffer, length);
    return finish(status, saved, errnop);
}

ENTRY enum nss_status _nss_usher_getpwuid_r(uid_t uid, struct passwd *result, char *buffer, size_t length, int *errnop)
{
    int saved = errno;
    uint8_t record[USHER_RECORD_BYTES];
    struct usher_account account = { .record = record };
    enum usher_status status = usher_account_with_uid(uid, &account);
    if (status == USHER_FOUND)
        status = fill_passwd(&account, result, buffer, length);
    return finish(status, saved, errnop);
}

/* No password opens the account, and nothing about it expires: it ends with its session. */
ENTRY enum nss_status _nss_usher_getspnam_r(const char *name, struct spwd *result, char *buffer, size_t length,
                                            int *errnop)
{
    int saved = errno;
    uint8_t record[USHER_RECORD_BYTES];
    struct usher_account account = { .record = record };
    struct room room = { buffer, length };
    enum usher_status status = usher_is_root() ? usher_account_named(name, &account) : USHER_NONE;
    if (status == USHER_FOUND) {
        *result = (struct spwd){
            .sp_namp = put(&room, account.name),
            .sp_pwdp = put(&room, locked),
            .sp_lstchg = -1,
            .sp_min = -1,
            .sp_max = -1,
            .sp_warn = -1,
            .sp_inact = -1,
            .sp_expire = -1,
            .sp_flag = ~0UL,
        };
        if (result->sp_namp == NULL || result->sp_pwdp == NULL)
            status = USHER_TOO_SMALL;
    }
    return finish(status, saved, errnop);
}

/* group */

ENTRY enum nss_status _nss_usher_getgrnam_r(const char *name, struct group *result, char *buffer, size_t length,
                                            int *errnop)
{
    int saved = errno;
    uint8_t record[USHER_RECORD_BYTES];
    struct usher_account account = { .record = record };
    struct usher_group group;
    enum usher_status status = usher_account_named(name, &account);
    if (status == USHER_FOUND) {
        status = fill_private_group(&account, result, buffer, length);
    } else if (status == USHER_NONE) {
        status = usher_group_named(name, (uint8_t *)buffer, length, &group);
        if (status == USHER_FOUND)
            status = fill_role_group(&group, result, buffer, length);
    }
    return finish(status, saved, errnop);
}

ENTRY enum nss_status _nss_usher_getgrgid_r(gid_t gid, struct group *result, char *buffer, size_t length, int *errnop)
{
    int saved = errno;
    uint8_t record[USHER_RECORD_BYTES];
    struct usher_account account = { .record = record };
    struct usher_group group;
    enum usher_status status = usher_group_with_gid(gid, (uint8_t *)buffer, length, &group);
    if (status == USHER_FOUND) {
        status = fill_role_group(&group, result, buffer, length);
    } else if (status == USHER_NONE) {
        status = usher_account_with_uid(gid, &account);
        if (status == USHER_FOUND)
            status = fill_private_group(&account, result, buffer, length);
    }
    return finish(status, saved, errnop);
}

/* glibc's contract of the list: `*start` used of `*size`, grown with realloc, `limit` at most when above 0. */
static bool grow(long int *size, gid_t **groups, long int limit)
{
    long int larger = *size > 0 ? 2 * *size : 16;
    if (limit > 0 && larger > limit)
        larger = limit;
    gid_t *moved = realloc(*groups, (size_t)larger * sizeof **groups);
    if (moved == NULL)
        return false;
    *groups = moved;
    *size = larger;
    return true;
}

ENTRY enum nss_status _nss_usher_initgroups_dyn(const char *name, gid_t primary, long int *start, long int *size,
                                                gid_t **groups, long int limit, int *errnop)
{
    int saved = errno;
    uint8_t record[USHER_RECORD_BYTES];
    struct usher_account account = { .record = record };
    size_t position = 0;
    uint32_t gid = 0;
    enum usher_status status = usher_live_account_named(name, &account);
    while (status == USHER_FOUND && usher_next_gid(&account, &position, &gid)) {
        if (gid == primary)
            continue;
        if (*start == *size) {
            if (limit > 0 && *size >= limit)
                break;
            if (!grow(size, groups, limit)) {
                errno = ENOMEM;
                status = USHER_UNAVAILABLE;
                break;
            }
        }
        (*groups)[(*start)++] = gid;
    }
    return finish(status, saved, errnop);
}

/* Enumeration. getpwent(3) and getgrent(3) have no argument that could carry a position from call to call, so it is
   kept here, once for the process, as in every module. */

struct enumeration {
    pthread_mutex_t lock;
    struct usher_cursor cursor;
};

static struct enumeration accounts = { .lock = PTHREAD_MUTEX_INITIALIZER };
static struct enumeration groups = { .lock = PTHREAD_MUTEX_INITIALIZER };

static enum nss_status rewind_to_start(struct enumeration *enumeration)
{
    pthread_mutex_lock(&enumeration->lock);
    enumeration->cursor.last[0] = '\0';
    enumeration->cursor.next = enumeration->cursor.count = 0;
    pthread_mutex_unlock(&enumeration->lock);
    return NSS_STATUS_SUCCESS;
}

ENTRY enum nss_status _nss_usher_setpwent(int stay_open)
{
    (void)stay_open;
    return rewind_to_start(&accounts);
}

ENTRY enum nss_status _nss_usher_endpwent(void)
{
    return rewind_to_start(&accounts);
}

/* After ERANGE glibc asks for the same entry again, so only what was answered is passed. */
ENTRY enum nss_status _nss_usher_getpwent_r(struct passwd *result, char *buffer, size_t length, int *errnop)
{
    int saved = errno;
    uint8_t record[USHER_RECORD_BYTES];
    struct usher_account account = { .record = record };
    pthread_mutex_lock(&accounts.lock);
    enum usher_status status = usher_next_account(&accounts.cursor, &account);
    if (status == USHER_FOUND)
        status = fill_passwd(&account, result, buffer, length);
    if (status == USHER_FOUND)
        usher_pass(&accounts.cursor);
    pthread_mutex_unlock(&accounts.lock);
    return finish(status, saved, errnop);
}

ENTRY enum nss_status _nss_usher_setgrent(int stay_open)
{
    (void)stay_open;
    return rewind_to_start(&groups);
}

ENTRY enum nss_status _nss_usher_endgrent(void)
{
    return rewind_to_start(&groups);
}

/* Role groups first, then the accounts' own: the order of their files' names. */
ENTRY enum nss_status _nss_usher_getgrent_r(struct group *result, char *buffer, size_t length, int *errnop)
{
    int saved = errno;
    uint8_t record[USHER_RECORD_BYTES];
    struct usher_account account = { .record = record };
    struct usher_group group;
    pthread_mutex_lock(&groups.lock);
    enum usher_status status = usher_next_group(&groups.cursor, (uint8_t *)buffer, length, &group);
    if (status == USHER_FOUND) {
        status = fill_role_group(&group, result, buffer, length);
    } else if (status == USHER_NONE) {
        status = usher_next_account(&groups.cursor, &account);
        if (status == USHER_FOUND)
            status = fill_private_group(&account, result, buffer, length);
    }
    if (status == USHER_FOUND)
        usher_pass(&groups.cursor);
    pthread_mutex_unlock(&groups.lock);
    return finish(status, saved, errnop);
}
