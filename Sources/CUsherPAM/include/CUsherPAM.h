/* The C side of pam_usher.so: what Swift cannot reach. No policy: PAMUsher decides, through UsherPAMCore. */
#ifndef CUSHERPAM_H
#define CUSHERPAM_H

#include <security/pam_modules.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a function that Swift implements is called there. */
#define USHER_SWIFT(name) __attribute__((swift_name(name)))

enum {
    USHER_CALL_BYTES = 8192,   /* Limits.agentCallBytes */
    USHER_REPLY_BYTES = 16384, /* Limits.agentReplyBytes */
    USHER_SESSION_BYTES = 18,  /* a session id: s- and 16 characters */
};

/* One call of libpam into the module; lives on the stack of the entry and nowhere else. */
struct usher_host {
    pam_handle_t *_Nonnull pam;
    int flags;
    int argument_count;
    const char *_Nonnull *_Nullable arguments;
    uint8_t *_Nonnull request; /* USHER_CALL_BYTES */
    uint8_t *_Nonnull reply;   /* USHER_REPLY_BYTES */
    int *_Nonnull agent;       /* the connection, made by the first exchange; -1 without one */
};

/* The phases, in Swift. Each returns a PAM code. */
USHER_SWIFT("authenticate(_:)")
int usher_phase_authenticate(const struct usher_host *_Nonnull host);
USHER_SWIFT("setCredentials(_:)")
int usher_phase_set_credentials(const struct usher_host *_Nonnull host);
USHER_SWIFT("authorize(_:)")
int usher_phase_account(const struct usher_host *_Nonnull host);
USHER_SWIFT("openSession(_:)")
int usher_phase_open_session(const struct usher_host *_Nonnull host);
USHER_SWIFT("closeSession(_:)")
int usher_phase_close_session(const struct usher_host *_Nonnull host);

/* libpam's variadic functions, which Swift cannot call. Texts are not terminated. */

/* Asks once without echo. False when the conversation failed; the answer may be null, which is an empty one. */
bool usher_prompt(pam_handle_t *_Nonnull pam, const uint8_t *_Nonnull text, size_t length,
                  char *_Nullable *_Nonnull answer, size_t *_Nonnull answer_length);
/* Wipes an answer and frees it. */
void usher_discard(char *_Nullable answer, size_t length);
void usher_show(pam_handle_t *_Nonnull pam, bool is_error, const uint8_t *_Nonnull text, size_t length);
/* One line to authpriv; an `error` other than 0 is explained behind it. */
void usher_log(pam_handle_t *_Nonnull pam, const uint8_t *_Nonnull text, size_t length, int error);

/* What libpam keeps. Null when it is not set. */

const char *_Nullable usher_item(pam_handle_t *_Nonnull pam, int item);
size_t usher_length(const char *_Nonnull text);
/* Keeps a session's id (null: a refused session's) and this process's pid. False when libpam refuses. */
bool usher_store_session(pam_handle_t *_Nonnull pam, const uint8_t *_Nullable id);
/* Whether a session is stored; if so, its id (null: refused) and whether this process stored it. */
bool usher_stored_session(pam_handle_t *_Nonnull pam, const uint8_t *_Nullable *_Nonnull id,
                          bool *_Nonnull is_stored_here);

/* How far an exchange with the agent came. */
enum usher_stage {
    USHER_ANSWERED,
    USHER_SOCKET,
    USHER_CONNECT,
    USHER_PEER,
    USHER_SEND,
    USHER_RECEIVE,
    USHER_CLOSED,
    USHER_REPLY_TOO_LONG,
    USHER_TRAILING_BYTES,
};

/* Nanoseconds of the monotonic clock at which `seconds` from now are over. */
int64_t usher_deadline(int64_t seconds);
/* Sends the first `request_length` bytes of the request to the socket at `path` and reads one answer into the
   reply; a failed one ends the connection. `reply_length` is without the NUL; `error` is errno where a system call
   failed, else 0. */
enum usher_stage usher_exchange(const struct usher_host *_Nonnull host, const uint8_t *_Nonnull path,
                                size_t path_length, size_t request_length, int64_t deadline,
                                size_t *_Nonnull reply_length, int *_Nonnull error);
/* Ends the connection, if there is one. */
void usher_hang_up(const struct usher_host *_Nonnull host);
/* explicit_bzero */
void usher_wipe(uint8_t *_Nonnull bytes, size_t length);

/* Writes a text to the kernel's audit stream as AUDIT_USER_MGMT, from this process. Returns 0, an errno value, or
   -1 when the kernel's auditing is off. All texts are terminated; a null one is unknown. */
int usher_audit(const uint8_t *_Nonnull text, const uint8_t *_Nullable remote_host, const uint8_t *_Nullable terminal);

#endif
