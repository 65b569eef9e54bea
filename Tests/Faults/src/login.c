/*
 * login - one PAM login as sshd does it, step by step on command.
 *
 * usage: login CONFDIR USER TICKET-FD
 *
 * Reads the ticket from the descriptor until its end, then one word a line from standard input; answers each with a
 * line `WORD CODE`, CODE being PAM's (0 is success):
 *   authenticate, account, open, close   the phase of that name, in this process, which is the session's leader
 *   enter    forks a child that calls pam_setcred, becomes the user and works: two processes that outlive a closed
 *            terminal (one in a kernel session of its own, orphaned), files in the home, /tmp and /dev/shm
 *   end      pam_end; the process goes on until its standard input ends
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <security/pam_appl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char ticket[2048];

static void die(const char *what)
{
    perror(what);
    exit(2);
}

static int converse(int count, const struct pam_message **messages, struct pam_response **responses, void *data)
{
    (void)data;
    struct pam_response *answers = calloc((size_t)count, sizeof *answers);
    if (!answers)
        return PAM_BUF_ERR;
    for (int i = 0; i < count; i++)
        if (messages[i]->msg_style == PAM_PROMPT_ECHO_OFF || messages[i]->msg_style == PAM_PROMPT_ECHO_ON)
            answers[i].resp = strdup(ticket);
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

static void touch(const char *path)
{
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file >= 0)
        close(file);
}

static void work(const struct passwd *user)
{
    char path[256];
    if (setgroups(0, NULL) || setresgid(user->pw_gid, user->pw_gid, user->pw_gid)
        || setresuid(user->pw_uid, user->pw_uid, user->pw_uid) || chdir(user->pw_dir))
        _exit(3);
    touch("work");
    snprintf(path, sizeof path, "/tmp/%s", user->pw_name);
    touch(path);
    snprintf(path, sizeof path, "/dev/shm/%s", user->pw_name);
    touch(path);
    if (fork() == 0) {
        setsid();
        if (fork() != 0)
            _exit(0);
        signal(SIGTERM, SIG_IGN);
        for (;;)
            pause();
    }
    wait(NULL);
}

/* The child's pam_setcred; it lives on as the user. */
static int enter(pam_handle_t *handle, const struct passwd *user)
{
    int answer[2];
    if (pipe2(answer, O_CLOEXEC))
        die("pipe2");
    pid_t child = fork();
    if (child < 0)
        die("fork");
    if (child == 0) {
        int code = pam_setcred(handle, PAM_ESTABLISH_CRED);
        if (code == PAM_SUCCESS)
            work(user);
        if (write(answer[1], &code, sizeof code) != sizeof code || code != PAM_SUCCESS)
            _exit(1);
        close(answer[1]);
        close(0);
        for (;;)
            pause();
    }
    close(answer[1]);
    int code = PAM_SYSTEM_ERR;
    if (read(answer[0], &code, sizeof code) != sizeof code)
        code = PAM_SYSTEM_ERR;
    close(answer[0]);
    return code;
}

static int step(pam_handle_t *handle, const char *word, const struct passwd *user, int *last)
{
    if (strcmp(word, "authenticate") == 0)
        return pam_authenticate(handle, 0);
    if (strcmp(word, "account") == 0)
        return pam_acct_mgmt(handle, 0);
    if (strcmp(word, "open") == 0) {
        int code = pam_setcred(handle, PAM_ESTABLISH_CRED);
        return code == PAM_SUCCESS ? pam_open_session(handle, 0) : code;
    }
    if (strcmp(word, "enter") == 0)
        return enter(handle, user);
    if (strcmp(word, "close") == 0)
        return pam_close_session(handle, 0);
    if (strcmp(word, "end") == 0) {
        *last = 1;
        return pam_end(handle, PAM_SUCCESS);
    }
    fprintf(stderr, "login: no step `%s`\n", word);
    exit(2);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: login CONFDIR USER TICKET-FD\n");
        return 2;
    }
    FILE *file = fdopen(atoi(argv[3]), "r");
    if (!file || !fgets(ticket, sizeof ticket, file))
        die("ticket");
    fclose(file);
    ticket[strcspn(ticket, "\n")] = 0;
    const struct passwd *user = getpwnam(argv[2]);
    if (!user) {
        fprintf(stderr, "login: no account `%s`\n", argv[2]);
        return 2;
    }
    struct pam_conv conversation = {converse, NULL};
    pam_handle_t *handle = NULL;
    if (pam_start_confdir("sshd", argv[2], &conversation, argv[1], &handle) != PAM_SUCCESS)
        die("pam_start");
    pam_set_item(handle, PAM_FAIL_DELAY, (const void *)no_delay);
    pam_set_item(handle, PAM_RHOST, "127.0.0.1");
    pam_set_item(handle, PAM_TTY, "ssh");
    char word[64];
    int last = 0;
    while (fgets(word, sizeof word, stdin)) {
        word[strcspn(word, "\n")] = 0;
        if (last) {
            fprintf(stderr, "login: `%s` after `end`\n", word);
            return 2;
        }
        int code = step(handle, word, user, &last);
        printf("%s %d\n", word, code);
        fflush(stdout);
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
    }
    return 0;
}
