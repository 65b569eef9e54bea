// What Swift cannot reach itself: headers that its Glibc module leaves out, variadic calls, and libaudit, whose
// headers need kernel headers. One wrapper a call, no policy. Results are those of the call; errno is set.
#pragma once

#include <stdint.h>
#include <sys/pidfd.h>
#include <sys/random.h>
#include <sys/types.h>

// The kernel's audit state (struct audit_status of linux/audit.h), the fields that Usher reads.
struct usher_audit_status {
    uint32_t enabled;
    uint32_t failure;
    uint32_t daemon_pid;
    uint32_t rate_limit;
    uint32_t backlog_limit;
    uint32_t lost;
    uint32_t backlog;
};

// A netlink socket to the kernel's audit, close-on-exec; -1 on failure.
int usher_audit_open(void);

// Asks for the state on a socket of its own use and waits at most timeout_ms for the answer (ETIMEDOUT after it).
int usher_audit_get_status(int descriptor, int timeout_ms, struct usher_audit_status *status);

// The rules whose strings contain `text`, one after the other, as struct audit_rule_data; how many bytes. EMSGSIZE when
// they do not fit, ETIMEDOUT when the kernel's list has no end in time.
int usher_audit_list_rules(int descriptor, int timeout_ms, const char *text, void *buffer, int capacity);

// Writes one user record through libaudit, which appends exe, hostname, addr, terminal and res.
int usher_audit_write(int descriptor, int type, const char *text, int success);

// posix_spawn of a program with no descriptors but 0 (/dev/null), 1 and 2 (the two given), default signals, an empty
// signal mask and a process group of its own. Returns an error number, 0 on success.
int usher_spawn(pid_t *pid, const char *program, char *const arguments[], char *const environment[], int output,
                int error_output);

// posix_spawn of a program that is to outlive its starter: a session of its own, no descriptors but 0 and 1 (/dev/null)
// and 2 (inherited), default signals, an empty signal mask. Returns an error number, 0 on success.
int usher_spawn_resident(pid_t *pid, const char *program, char *const arguments[], char *const environment[]);

// malloc_trim(3) of all free memory.
void usher_return_free_memory(void);

// pipe2(2) with O_CLOEXEC.
int usher_pipe(int ends[2]);

// syslog(3) with LOG_AUTHPRIV and one string.
void usher_syslog_authpriv(int priority, const char *identity, const char *text);

// epoll, whose packed union Swift cannot hold safely. A descriptor is reported once, by the number it was added with.
int usher_epoll_open(void);
int usher_epoll_add_once(int epoll, int descriptor, uint64_t number);
// Waits without end; returns how many numbers it wrote, -1 with EINTR after a signal.
int usher_epoll_wait(int epoll, uint64_t *numbers, int capacity);

// openat2(2) below a directory: no symbolic link, no way out, no other file system.
int usher_open_beneath(int directory, const char *name, int flags);

// The same with O_PATH, of a symbolic link too: to look at what stands under the name. EXDEV when something is mounted
// there, which is asked nothing: where audit has rules, any other look at a FUSE mount asks its server, even for root
// and with O_PATH (audit_copy_fcaps, kernel/auditsc.c), and one that does not answer holds whoever looks for ever.
int usher_open_name_beneath(int directory, const char *name);

// renameat2(2) that replaces nothing.
int usher_rename_to_free_name(int from, const char *name, int to, const char *free_name);

// Takes the immutable and append-only flags off an open file or directory. 1: it had one; 0: none; -1 with ENOTTY or
// EOPNOTSUPP where the file system has no flags.
int usher_clear_file_flags(int descriptor);

// IPC_RMID of System V objects; semctl is variadic.
int usher_remove_shared_memory(int id);
int usher_remove_semaphores(int id);
int usher_remove_message_queue(int id);

// The POSIX message queues of this IPC namespace as a mount that stands nowhere in the tree.
int usher_mount_mqueue(void);

// kill(-1, SIGKILL) by a child that has the uid: the kernel walks all processes in one go that no fork escapes.
int usher_kill_all_of(uid_t uid);

// Empties and invalidates the user, user-session and persistent keyring of a uid, by a child that has the uid.
int usher_clear_keyrings(uid_t uid);

// usher_open_beneath of a directory to read, without leaving an access time.
int usher_open_directory_quietly(int directory, const char *name);

// Changes owner and group of an open file, also one opened with O_PATH; -1 for one of them leaves it.
int usher_give_file(int descriptor, uid_t uid, gid_t gid);

// Lets the calling thread run, and read disks, only when nobody else wants to.
int usher_become_idle(void);

// A TCP socket that listens.
struct usher_listener {
    uint32_t uid;
    uint16_t port;
};

// All that listen in this network namespace, by sock_diag(7); how many. ENOSPC when there are more than `capacity`.
int usher_list_tcp_listeners(int family, struct usher_listener *listeners, int capacity);

// Blocks signals and makes a signalfd(2) of them, close-on-exec, that does not wait.
int usher_signal_descriptor(const int *numbers, int count);
// The number of a signal that came; -1 with EAGAIN when there is none.
int usher_next_signal(int descriptor);

// close_range(2) from a number on.
int usher_close_from(unsigned first);

// Real, effective and saved ids of a process that is root, and no other groups.
int usher_become(uid_t uid, gid_t gid);

// Takes every capability out of the bounding set.
int usher_empty_bounding_set(void);

// Empties the capability sets, and sees to it that nothing brings any back: no_new_privs, not dumpable.
int usher_give_up_capabilities(void);

// No file may be opened, made or removed by its path from here on (landlock(7)); does nothing where the kernel cannot.
int usher_close_file_system(void);

// Sends a sealed memfd with the bytes over a connected AF_UNIX socket.
int usher_send_memory_file(int socket, const void *bytes, size_t count);

// SIOCOUTQ of a TCP socket: bytes that were written and are not acknowledged. ENOTCONN unless it is established.
int usher_unacknowledged_bytes(int socket);
