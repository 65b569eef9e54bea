/* Calls the entries of an NSS module directly, and glibc above it: nss_driver MODULE COMMAND [ARGUMENT…]
   What each command prints stands above its function. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <grp.h>
#include <nss.h>
#include <pthread.h>
#include <pwd.h>
#include <shadow.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 1 << 21, GUARD = 64, UNTOUCHED = 12345 };

static enum nss_status (*by_name)(const char *, struct passwd *, char *, size_t, int *);
static enum nss_status (*by_uid)(uid_t, struct passwd *, char *, size_t, int *);
static enum nss_status (*group_by_name)(const char *, struct group *, char *, size_t, int *);
static enum nss_status (*group_by_gid)(gid_t, struct group *, char *, size_t, int *);
static enum nss_status (*shadow_by_name)(const char *, struct spwd *, char *, size_t, int *);
static enum nss_status (*next_account)(struct passwd *, char *, size_t, int *);
static enum nss_status (*next_group)(struct group *, char *, size_t, int *);
static enum nss_status (*rewind_accounts)(int);
static enum nss_status (*rewind_groups)(int);
static enum nss_status (*groups_of)(const char *, gid_t, long *, long *, gid_t **, long, int *);

/* Every allocation of the process passes here. */

static atomic_long allocations;
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);

void *malloc(size_t size)
{
    allocations++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    allocations++;
    return __libc_calloc(count, size);
}

void *realloc(void *pointer, size_t size)
{
    allocations++;
    return __libc_realloc(pointer, size);
}

static void resolve(const char *path)
{
    void *module = dlopen(path, RTLD_NOW);
    if (module == NULL) {
        printf("%s\n", dlerror());
        exit(1);
    }
    *(void **)&by_name = dlsym(module, "_nss_usher_getpwnam_r");
    *(void **)&by_uid = dlsym(module, "_nss_usher_getpwuid_r");
    *(void **)&group_by_name = dlsym(module, "_nss_usher_getgrnam_r");
    *(void **)&group_by_gid = dlsym(module, "_nss_usher_getgrgid_r");
    *(void **)&shadow_by_name = dlsym(module, "_nss_usher_getspnam_r");
    *(void **)&next_account = dlsym(module, "_nss_usher_getpwent_r");
    *(void **)&next_group = dlsym(module, "_nss_usher_getgrent_r");
    *(void **)&rewind_accounts = dlsym(module, "_nss_usher_setpwent");
    *(void **)&rewind_groups = dlsym(module, "_nss_usher_setgrent");
    *(void **)&groups_of = dlsym(module, "_nss_usher_initgroups_dyn");
}

/* One lookup into a buffer of its own size between guards; the answer as a line of text. */

enum kind { NAME, UID, GROUP, GID, LOCKED };

struct lookup {
    enum kind kind;
    const char *key;
};

static char *buffer;
static char text[ROOM];
static const char *first, *last;

static bool is_inside(const void *pointer)
{
    return (const char *)pointer >= first && (const char *)pointer < last;
}

static void describe_group(const struct group *group)
{
    bool inside = is_inside(group->gr_name) && is_inside(group->gr_passwd) && is_inside(group->gr_mem)
        && (uintptr_t)group->gr_mem % _Alignof(char *) == 0;
    char *end = text + sprintf(text, "%s:%s:%u:", group->gr_name, group->gr_passwd, group->gr_gid);
    for (char **member = group->gr_mem; *member != NULL; member++) {
        inside = inside && is_inside(*member);
        end += sprintf(end, "%s,", *member);
    }
    if (!inside)
        strcpy(text, "outside of the buffer");
}

static void describe_account(const struct passwd *account)
{
    const char *const texts[] = { account->pw_name, account->pw_passwd, account->pw_gecos, account->pw_dir,
                                  account->pw_shell };
    for (size_t index = 0; index < sizeof texts / sizeof *texts; index++) {
        if (!is_inside(texts[index])) {
            strcpy(text, "outside of the buffer");
            return;
        }
    }
    sprintf(text, "%s:%s:%u:%u:%s:%s:%s", account->pw_name, account->pw_passwd, account->pw_uid, account->pw_gid,
            account->pw_gecos, account->pw_dir, account->pw_shell);
}

/* `misaligned` bytes into the room; errno and the guards are checked. */
static enum nss_status look_up(struct lookup lookup, size_t size, size_t misaligned)
{
    struct passwd account;
    struct group group;
    struct spwd shadow;
    int error = UNTOUCHED;
    char *start = buffer + GUARD + misaligned;
    memset(start - GUARD, 0x5A, GUARD);
    memset(start + size, 0x5A, GUARD);
    first = start;
    last = start + size;
    text[0] = '\0';
    errno = UNTOUCHED;
    uint32_t number = (uint32_t)strtoul(lookup.key, NULL, 10);
    enum nss_status status = lookup.kind == NAME ? by_name(lookup.key, &account, start, size, &error)
        : lookup.kind == UID                     ? by_uid(number, &account, start, size, &error)
        : lookup.kind == GROUP                   ? group_by_name(lookup.key, &group, start, size, &error)
        : lookup.kind == GID                     ? group_by_gid(number, &group, start, size, &error)
                                                 : shadow_by_name(lookup.key, &shadow, start, size, &error);
    for (int index = 0; index < GUARD; index++) {
        if (start[index - GUARD] != 0x5A || start[(size_t)index + size] != 0x5A)
            printf("wrote outside of %zu bytes\n", size);
    }
    if (errno != UNTOUCHED)
        printf("errno became %d\n", errno);
    bool is_error = status == NSS_STATUS_TRYAGAIN || status == NSS_STATUS_UNAVAIL;
    if (is_error != (error != UNTOUCHED) || (status == NSS_STATUS_TRYAGAIN && error != ERANGE))
        printf("status %d with error %d\n", status, error);
    if (status == NSS_STATUS_SUCCESS) {
        if (lookup.kind == NAME || lookup.kind == UID)
            describe_account(&account);
        else if (lookup.kind == GROUP || lookup.kind == GID)
            describe_group(&group);
        else
            sprintf(text, "%s:%s:%ld:%ld:%ld:%ld:%ld:%ld:%lu", shadow.sp_namp, shadow.sp_pwdp, shadow.sp_lstchg,
                    shadow.sp_min, shadow.sp_max, shadow.sp_warn, shadow.sp_inact, shadow.sp_expire, shadow.sp_flag);
    }
    return status;
}

static struct lookup parse_lookup(char **arguments)
{
    static const char *const names[] = { "name", "uid", "group", "gid", "shadow" };
    for (int kind = NAME; kind <= LOCKED; kind++) {
        if (strcmp(arguments[0], names[kind]) == 0)
            return (struct lookup){ (enum kind)kind, arguments[1] };
    }
    exit(2);
}

/* The status and the answer. */
static void print_lookup(char **arguments)
{
    enum nss_status status = look_up(parse_lookup(arguments), ROOM / 2, 0);
    printf("%d %s\n", status, text);
}

/* Tries every size from 0 on at two alignments: the smallest that is enough, and the answer in it. */
static void print_sizes(char **arguments)
{
    struct lookup lookup = parse_lookup(arguments);
    for (size_t misaligned = 0; misaligned < 2; misaligned++) {
        size_t size = 0;
        while (size < ROOM / 2 && look_up(lookup, size, misaligned) == NSS_STATUS_TRYAGAIN)
            size++;
        printf("%zu %s\n", size, text);
    }
}

/* All accounts and groups, asking with a buffer of one byte before each. */
static void print_enumeration(void)
{
    struct passwd account;
    struct group group;
    int error = 0;
    first = buffer;
    last = buffer + ROOM / 2;
    for (int round = 0; round < 2; round++) {
        rewind_accounts(0);
        while (next_account(&account, buffer, 1, &error) == NSS_STATUS_TRYAGAIN && error == ERANGE
               && next_account(&account, buffer, ROOM / 2, &error) == NSS_STATUS_SUCCESS) {
            describe_account(&account);
            printf("account %s\n", text);
        }
        rewind_groups(0);
        while (next_group(&group, buffer, 1, &error) == NSS_STATUS_TRYAGAIN && error == ERANGE
               && next_group(&group, buffer, ROOM / 2, &error) == NSS_STATUS_SUCCESS) {
            describe_group(&group);
            printf("group %s\n", text);
        }
    }
}

/* NAME PRIMARY START SIZE LIMIT: the status and the list afterwards. */
static void print_groups(char **arguments)
{
    long start = atol(arguments[2]), size = atol(arguments[3]), limit = atol(arguments[4]);
    gid_t *groups = malloc((size_t)(size > 0 ? size : 1) * sizeof *groups);
    int error = 0;
    for (long index = 0; index < start; index++)
        groups[index] = 7;
    enum nss_status status
        = groups_of(arguments[0], (gid_t)strtoul(arguments[1], NULL, 10), &start, &size, &groups, limit, &error);
    printf("%d %ld", status, size);
    for (long index = 0; index < start; index++)
        printf(" %u", groups[index]);
    printf("\n");
    free(groups);
}

static long count_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    long count = 0;
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

/* NAME GROUP: allocations and descriptors that 1000 rounds of every lookup left. */
static void print_traces(char **arguments)
{
    const struct lookup lookups[] = { { NAME, arguments[0] }, { NAME, "u-7777777777" }, { NAME, "root" },
                                      { UID, arguments[1] },  { GROUP, arguments[0] },  { GID, arguments[1] },
                                      { GROUP, arguments[2] }, { LOCKED, arguments[0] }, { UID, "0" } };
    long descriptors = count_descriptors();
    long before = allocations;
    for (int round = 0; round < 1000; round++) {
        for (size_t index = 0; index < sizeof lookups / sizeof *lookups; index++)
            look_up(lookups[index], 4096, 0);
        struct passwd account;
        int error;
        rewind_accounts(0);
        next_account(&account, buffer, 4096, &error);
    }
    long after = allocations;
    printf("%ld %ld\n", after - before, count_descriptors() - descriptors);
}

/* As print_lookup, in a process that cannot open anything more; then the error. */
static void print_exhausted(char **arguments)
{
    struct lookup lookup = parse_lookup(arguments);
    struct rlimit none = { 3, 3 };
    struct passwd account;
    int error = 0;
    setrlimit(RLIMIT_NOFILE, &none);
    enum nss_status status = lookup.kind == NAME
        ? by_name(lookup.key, &account, buffer, ROOM / 2, &error)
        : by_uid((uid_t)strtoul(lookup.key, NULL, 10), &account, buffer, ROOM / 2, &error);
    printf("%d %s\n", status, status == NSS_STATUS_SUCCESS ? account.pw_name : strerrorname_np(error));
}

/* Threads that look one account and one group up through glibc, over and over. */

static const char *account_name, *group_name;
static uid_t account_uid;
static atomic_long wrong, lookups_done;
static atomic_bool is_over;

/* The files are replaced all the time, so that what is found is one of two versions, never a mixture. */
static bool is_version(const char *comment)
{
    return strspn(comment, "a") == strlen(comment) || strspn(comment, "b") == strlen(comment);
}

static void *look_up_for_long(void *data)
{
    char *room = __libc_malloc(65536);
    struct passwd account, *found;
    struct group group, *found_group;
    (void)data;
    while (!is_over) {
        int result = getpwnam_r(account_name, &account, room, 65536, &found);
        if (result != 0 || found == NULL || found->pw_uid != account_uid || !is_version(found->pw_gecos))
            wrong++;
        result = getpwuid_r(account_uid, &account, room, 65536, &found);
        if (result != 0 || found == NULL || strcmp(found->pw_name, account_name) != 0 || !is_version(found->pw_gecos))
            wrong++;
        result = getgrnam_r(group_name, &group, room, 65536, &found_group);
        if (result != 0 || found_group == NULL || strcmp(found_group->gr_mem[0], account_name) != 0)
            wrong++;
        gid_t groups[8];
        int count = 8;
        if (getgrouplist(account_name, account_uid, groups, &count) < 0 || count != 2)
            wrong++;
        lookups_done += 4;
    }
    free(room);
    return NULL;
}

/* NAME UID GROUP THREADS SECONDS: lookups done and wrong ones. */
static void print_threads(char **arguments)
{
    pthread_t threads[64];
    account_name = arguments[0];
    account_uid = (uid_t)strtoul(arguments[1], NULL, 10);
    group_name = arguments[2];
    int count = atoi(arguments[3]);
    for (int index = 0; index < count; index++)
        pthread_create(&threads[index], NULL, look_up_for_long, NULL);
    sleep((unsigned)atoi(arguments[4]));
    is_over = true;
    for (int index = 0; index < count; index++)
        pthread_join(threads[index], NULL);
    printf("%ld %ld\n", lookups_done, wrong);
}

/* NAME TIMES: nanoseconds of one getpwnam through glibc, the median of 15 runs. */
static int compare(const void *left, const void *right)
{
    double difference = *(const double *)left - *(const double *)right;
    return difference < 0 ? -1 : difference > 0;
}

static void print_time(char **arguments)
{
    enum { RUNS = 15 };
    double runs[RUNS];
    struct timespec start, end;
    struct passwd account, *found;
    int times = atoi(arguments[1]);
    for (int run = 0; run < RUNS; run++) {
        clock_gettime(CLOCK_MONOTONIC, &start);
        for (int index = 0; index < times; index++)
            getpwnam_r(arguments[0], &account, buffer, 4096, &found);
        clock_gettime(CLOCK_MONOTONIC, &end);
        runs[run] = ((double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec)) / times;
    }
    qsort(runs, RUNS, sizeof *runs, compare);
    printf("%.0f\n", runs[RUNS / 2]);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    buffer = __libc_malloc(ROOM);
    resolve(argv[1]);
    if (strcmp(argv[2], "lookup") == 0)
        print_lookup(argv + 3);
    else if (strcmp(argv[2], "sizes") == 0)
        print_sizes(argv + 3);
    else if (strcmp(argv[2], "enumerate") == 0)
        print_enumeration();
    else if (strcmp(argv[2], "groups") == 0)
        print_groups(argv + 3);
    else if (strcmp(argv[2], "traces") == 0)
        print_traces(argv + 3);
    else if (strcmp(argv[2], "exhausted") == 0)
        print_exhausted(argv + 3);
    else if (strcmp(argv[2], "threads") == 0)
        print_threads(argv + 3);
    else if (strcmp(argv[2], "time") == 0)
        print_time(argv + 3);
    else
        return 2;
    return 0;
}
