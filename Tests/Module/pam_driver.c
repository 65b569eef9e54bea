/* Drives a PAM stack from a private configuration directory and prints what happens, one line each.

   pam_driver CONFDIR SERVICE USER ANSWER STEP...

   ANSWER is a file whose bytes answer the prompt, `-` for a conversation that fails, or `=` for an answer that is
   null. Steps are the phases (is_phase), and what prepares or looks at them (other_step). */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <security/pam_appl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

static const char *answer_file;
static bool keeps_answer;
static char *kept_answer;

/* The linker prefers these to libaudit's, so that a step can make the kernel's audit fail. */

enum { REAL_AUDIT = 1000 };
static int audit_enabled = REAL_AUDIT, audit_sequence = REAL_AUDIT;

int audit_is_enabled(int fd)
{
    int (*real)(int) = dlsym(RTLD_NEXT, "audit_is_enabled");
    return audit_enabled == REAL_AUDIT ? real(fd) : audit_enabled;
}

int audit_log_user_message(int fd, int type, const char *text, const char *host, const char *address,
                           const char *terminal, int result)
{
    int (*real)(int, int, const char *, const char *, const char *, const char *, int)
        = dlsym(RTLD_NEXT, "audit_log_user_message");
    return audit_sequence == REAL_AUDIT ? real(fd, type, text, host, address, terminal, result) : audit_sequence;
}

static void print_escaped(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\n')
            fputs("\\n", stdout);
        else
            putchar(*text);
    }
    putchar('\n');
}

/* read(2) straight into the answer, so that no buffer of stdio keeps a copy. */
static char *read_answer(void)
{
    int fd = open(answer_file, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0)
        abort();
    char *answer = calloc(1, (size_t)status.st_size + 1);
    if (answer == NULL || read(fd, answer, (size_t)status.st_size) != status.st_size)
        abort();
    close(fd);
    if (keeps_answer)
        kept_answer = strdup(answer);
    return answer;
}

static int converse(int count, const struct pam_message **messages, struct pam_response **responses, void *data)
{
    (void)data;
    if (count != 1)
        return PAM_CONV_ERR;
    int style = messages[0]->msg_style;
    printf("%s ", style == PAM_PROMPT_ECHO_OFF  ? "prompt"
                  : style == PAM_PROMPT_ECHO_ON ? "prompt-echo"
                  : style == PAM_ERROR_MSG      ? "error"
                                                : "info");
    print_escaped(messages[0]->msg);
    *responses = calloc(1, sizeof **responses);
    if (style != PAM_PROMPT_ECHO_OFF || strcmp(answer_file, "=") == 0)
        return PAM_SUCCESS;
    if (strcmp(answer_file, "-") == 0) {
        free(*responses);
        *responses = NULL;
        return PAM_CONV_ERR;
    }
    responses[0]->resp = read_answer();
    return PAM_SUCCESS;
}

static const char *name_of(int code)
{
    switch (code) {
    case PAM_SUCCESS: return "PAM_SUCCESS";
    case PAM_PERM_DENIED: return "PAM_PERM_DENIED";
    case PAM_AUTHINFO_UNAVAIL: return "PAM_AUTHINFO_UNAVAIL";
    case PAM_SERVICE_ERR: return "PAM_SERVICE_ERR";
    case PAM_CONV_ERR: return "PAM_CONV_ERR";
    case PAM_SYSTEM_ERR: return "PAM_SYSTEM_ERR";
    case PAM_SESSION_ERR: return "PAM_SESSION_ERR";
    case PAM_CRED_ERR: return "PAM_CRED_ERR";
    case PAM_AUTHTOK_ERR: return "PAM_AUTHTOK_ERR";
    case PAM_ABORT: return "PAM_ABORT";
    case PAM_MODULE_UNKNOWN: return "PAM_MODULE_UNKNOWN";
    default: return "PAM_other";
    }
}

static int count_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = -3; /* ., .. and the directory itself */
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

enum { PATTERN_BYTES = 24, PATTERN_OFFSET = 200, BLOCK_BYTES = 1 << 16 };
static uint8_t pattern[PATTERN_BYTES]; /* complemented, so that it is not what is looked for */
static uint8_t block[BLOCK_BYTES + PATTERN_BYTES];

/* Some bytes from its middle stand for the answer: the allocator writes over the beginning of what is freed. */
static void load_pattern(void)
{
    int fd = open(answer_file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    for (int index = 0; index < PATTERN_BYTES; index++) {
        uint8_t byte = 0;
        if (pread(fd, &byte, 1, PATTERN_OFFSET + index) != 1)
            break;
        pattern[index] = (uint8_t)~byte;
    }
    close(fd);
}

static int count_in_block(uintptr_t address, size_t length)
{
    int found = 0;
    for (size_t start = 0; start + PATTERN_BYTES <= length; start++) {
        size_t index = 0;
        while (index < PATTERN_BYTES && (block[start + index] ^ pattern[index]) == 0xFF)
            index++;
        if (index < PATTERN_BYTES)
            continue;
        found++;
        printf("found at %lx\n", (unsigned long)(address + start));
    }
    return found;
}

static int scan_memory(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    unsigned long first, last;
    char permissions[5], line[512];
    int found = 0;
    while (fgets(line, sizeof line, maps) != NULL) {
        if (sscanf(line, "%lx-%lx %4s", &first, &last, permissions) != 3 || permissions[0] != 'r')
            continue;
        for (unsigned long address = first; address < last; address += BLOCK_BYTES) {
            unsigned long end = address + sizeof block < last ? address + sizeof block : last;
            bool is_own = address < (uintptr_t)(block + sizeof block) && end > (uintptr_t)block;
            if (is_own)
                continue; /* within 64 KiB of the block itself there are only this program's statics */
            ssize_t length = pread(memory, block, end - address, (off_t)address);
            if (length > 0)
                found += count_in_block(address, (size_t)length);
            explicit_bzero(block, sizeof block);
        }
    }
    fclose(maps);
    close(memory);
    return found;
}

/* Counts what is mapped of a file. */
static int count_mapped(const char *name)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512];
    int count = 0;
    while (fgets(line, sizeof line, maps) != NULL)
        count += strstr(line, name) != NULL;
    fclose(maps);
    return count;
}

static void ignore_signal(int number)
{
    (void)number;
}

/* From now on a signal interrupts every system call that waits, 200 times a second. */
static void interrupt_calls(void)
{
    struct sigaction action = { .sa_handler = ignore_signal };
    struct itimerval timer = { .it_interval.tv_usec = 5000, .it_value.tv_usec = 5000 };
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
}

static int in_child(pam_handle_t *pam, int flags)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        int result = pam_setcred(pam, flags);
        fflush(stdout);
        _exit(result);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool is_phase(pam_handle_t *pam, const char *step, int *result)
{
    if (strcmp(step, "authenticate") == 0)
        *result = pam_authenticate(pam, 0);
    else if (strcmp(step, "authenticate-silent") == 0)
        *result = pam_authenticate(pam, PAM_SILENT);
    else if (strcmp(step, "account") == 0)
        *result = pam_acct_mgmt(pam, 0);
    else if (strcmp(step, "open") == 0)
        *result = pam_open_session(pam, 0);
    else if (strcmp(step, "open-silent") == 0)
        *result = pam_open_session(pam, PAM_SILENT);
    else if (strcmp(step, "close") == 0)
        *result = pam_close_session(pam, 0);
    else if (strcmp(step, "establish") == 0)
        *result = pam_setcred(pam, PAM_ESTABLISH_CRED);
    else if (strcmp(step, "establish-child") == 0)
        *result = in_child(pam, PAM_ESTABLISH_CRED);
    else if (strcmp(step, "reinitialize-child") == 0)
        *result = in_child(pam, PAM_REINITIALIZE_CRED);
    else if (strcmp(step, "delete") == 0)
        *result = pam_setcred(pam, PAM_DELETE_CRED);
    else if (strcmp(step, "chauthtok") == 0)
        *result = pam_chauthtok(pam, 0);
    else
        return false;
    return true;
}

static void other_step(pam_handle_t *pam, char *step)
{
    char *value = strchr(step, '=');
    if (strcmp(step, "environment") == 0) {
        for (char **entry = pam_getenvlist(pam); *entry != NULL; entry++)
            printf("variable %s\n", *entry);
    } else if (strcmp(step, "descriptors") == 0) {
        printf("descriptors %d\n", count_descriptors());
    } else if (strcmp(step, "keep") == 0) {
        keeps_answer = true;
    } else if (strcmp(step, "scan") == 0) {
        load_pattern();
        printf("copies %d\n", scan_memory());
    } else if (strcmp(step, "interrupt") == 0) {
        interrupt_calls();
    } else if (strncmp(step, "audit-enabled=", 14) == 0) {
        audit_enabled = atoi(value + 1);
    } else if (strncmp(step, "audit-sequence=", 15) == 0) {
        audit_sequence = atoi(value + 1);
    } else if (strncmp(step, "env:", 4) == 0) {
        pam_putenv(pam, step + 4);
    } else if (strncmp(step, "item:", 5) == 0 && value != NULL) {
        *value = '\0';
        int item = strcmp(step + 5, "rhost") == 0 ? PAM_RHOST : strcmp(step + 5, "tty") == 0 ? PAM_TTY : PAM_RUSER;
        pam_set_item(pam, item, value + 1);
    } else {
        printf("unknown step %s\n", step);
        exit(2);
    }
}

static long milliseconds(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

int main(int argc, char **argv)
{
    if (argc < 6)
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    answer_file = argv[4];
    struct pam_conv conversation = { .conv = converse };
    pam_handle_t *pam = NULL;
    if (pam_start_confdir(argv[2], argv[3], &conversation, argv[1], &pam) != PAM_SUCCESS) {
        printf("pam_start failed\n");
        return 1;
    }
    /* libc's connection to syslog belongs to the process, which in sshd has it from the start. */
    openlog(NULL, LOG_NDELAY, LOG_USER);
    int descriptors = count_descriptors();
    for (int index = 5; index < argc; index++) {
        int result = 0;
        long start = milliseconds();
        if (!is_phase(pam, argv[index], &result)) {
            other_step(pam, argv[index]);
            continue;
        }
        printf("%s %s %ld %d\n", argv[index], name_of(result), milliseconds() - start,
               count_descriptors() - descriptors);
    }
    free(kept_answer);
    int result = pam_end(pam, PAM_SUCCESS);
    printf("mapped %d\n", count_mapped("pam_usher"));
    return result == PAM_SUCCESS ? 0 : 1;
}
