/* libpam's conversation, log, items and data. */
#include "CUsherPAM.h"

#include <errno.h>
#include <security/pam_ext.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

bool usher_prompt(pam_handle_t *pam, const uint8_t *text, size_t length, char **answer, size_t *answer_length)
{
    *answer = NULL;
    int result = pam_prompt(pam, PAM_PROMPT_ECHO_OFF, answer, "%.*s", (int)length, (const char *)text);
    *answer_length = *answer != NULL ? strlen(*answer) : 0;
    return result == PAM_SUCCESS;
}

void usher_discard(char *answer, size_t length)
{
    if (answer != NULL)
        explicit_bzero(answer, length);
    free(answer);
}

void usher_show(pam_handle_t *pam, bool is_error, const uint8_t *text, size_t length)
{
    pam_prompt(pam, is_error ? PAM_ERROR_MSG : PAM_TEXT_INFO, NULL, "%.*s", (int)length, (const char *)text);
}

void usher_log(pam_handle_t *pam, const uint8_t *text, size_t length, int error)
{
    if (error == 0) {
        pam_syslog(pam, LOG_ERR, "%.*s", (int)length, (const char *)text);
        return;
    }
    errno = error;
    pam_syslog(pam, LOG_ERR, "%.*s: %m", (int)length, (const char *)text);
}

const char *usher_item(pam_handle_t *pam, int item)
{
    const void *value = NULL;
    return pam_get_item(pam, item, &value) == PAM_SUCCESS ? value : NULL;
}

size_t usher_length(const char *text)
{
    return strlen(text);
}

struct stored_session {
    pid_t pid;
    bool is_refused;
    uint8_t id[USHER_SESSION_BYTES];
};

static const char data_name[] = "usher_session";

/* Runs in forked children as well, so it may only free. */
static void free_session(pam_handle_t *pam, void *data, int status)
{
    (void)pam, (void)status;
    free(data);
}

bool usher_store_session(pam_handle_t *pam, const uint8_t *id)
{
    struct stored_session *session = calloc(1, sizeof *session);
    if (session == NULL)
        return false;
    session->pid = getpid();
    session->is_refused = id == NULL;
    if (id != NULL)
        memcpy(session->id, id, sizeof session->id);
    if (pam_set_data(pam, data_name, session, free_session) == PAM_SUCCESS)
        return true;
    free(session);
    return false;
}

bool usher_stored_session(pam_handle_t *pam, const uint8_t **id, bool *is_stored_here)
{
    const void *data = NULL;
    if (pam_get_data(pam, data_name, &data) != PAM_SUCCESS || data == NULL)
        return false;
    const struct stored_session *session = data;
    *id = session->is_refused ? NULL : session->id;
    *is_stored_here = session->pid == getpid();
    return true;
}
