#define _GNU_SOURCE
#include "pamlogin.h"

#include <fcntl.h>
#include <security/pam_appl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

const char *const stage_names[STAGE_COUNT] = {"start", "authenticate", "account", "open", "close", "end"};

struct conversation {
    const char *answer;
    struct login_result *result;
};

int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void die(const char *what)
{
    perror(what);
    exit(2);
}

void *shared_memory(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        die("mmap");
    return memory;
}

struct login *read_logins(const char *path, long *count)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) < 0)
        die(path);
    size_t size = (size_t)status.st_size, filled = 0;
    char *text = shared_memory(size + 1);
    while (filled < size) {
        ssize_t got = read(fd, text + filled, size - filled);
        if (got <= 0)
            die(path);
        filled += (size_t)got;
    }
    close(fd);

    long lines = 0;
    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    struct login *logins = shared_memory((size_t)(lines + 1) * sizeof *logins);
    *count = 0;
    char *rest = text, *line;
    while ((line = strsep(&rest, "\n"))) {
        char *tab = strchr(line, '\t');
        if (!tab)
            continue;
        *tab = 0;
        if (*count == lines)
            break;
        logins[(*count)++] = (struct login){line, tab + 1};
    }
    if (*count == 0) {
        fprintf(stderr, "%s: no line of `user TAB answer`\n", path);
        exit(2);
    }
    return logins;
}

static int converse(int count, const struct pam_message **messages, struct pam_response **responses, void *data)
{
    struct conversation *talk = data;
    struct pam_response *answers = calloc((size_t)count, sizeof *answers);
    if (!answers)
        return PAM_BUF_ERR;
    for (int i = 0; i < count; i++) {
        switch (messages[i]->msg_style) {
        case PAM_PROMPT_ECHO_OFF:
        case PAM_PROMPT_ECHO_ON:
            answers[i].resp = strdup(talk->answer);
            break;
        case PAM_ERROR_MSG:
            snprintf(talk->result->message, sizeof talk->result->message, "%s", messages[i]->msg);
            break;
        default:
            break;
        }
    }
    *responses = answers;
    return PAM_SUCCESS;
}

/* A refused login would otherwise sleep for seconds in libpam. */
static void no_delay(int code, unsigned microseconds, void *data)
{
    (void)code;
    (void)microseconds;
    (void)data;
}

static int step(struct login_result *result, enum stage stage, int64_t *since, int code)
{
    int64_t now = now_ns();
    result->stage_ns[stage] = now - *since;
    *since = now;
    if (code != PAM_SUCCESS && result->code == PAM_SUCCESS) {
        result->code = code;
        result->failed_at = stage;
    }
    return code == PAM_SUCCESS;
}

void run_login(const struct stack *stack, const struct login *login, struct login_result *result,
               before_authenticate before, void *context)
{
    struct conversation talk = {login->answer, result};
    struct pam_conv conversation = {converse, &talk};
    pam_handle_t *handle = NULL;
    int64_t since = now_ns();

    if (!step(result, STAGE_START, &since,
              pam_start_confdir(stack->service, login->user, &conversation, stack->confdir, &handle))) {
        result->finished = 1;
        return;
    }
    pam_set_item(handle, PAM_FAIL_DELAY, (const void *)no_delay);
    pam_set_item(handle, PAM_RHOST, "127.0.0.1");
    pam_set_item(handle, PAM_TTY, "ssh");
    if (before) {
        before(context);
        since = now_ns();
    }
    if (step(result, STAGE_AUTHENTICATE, &since, pam_authenticate(handle, 0))) {
        result->authenticated = 1;
        if (step(result, STAGE_ACCOUNT, &since, pam_acct_mgmt(handle, 0))
            && step(result, STAGE_OPEN, &since, pam_open_session(handle, 0)))
            step(result, STAGE_CLOSE, &since, pam_close_session(handle, 0));
    }
    step(result, STAGE_END, &since, pam_end(handle, result->code));
    result->finished = 1;
}
