#define _GNU_SOURCE
#include "CUsherLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/keyctl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int open_beneath(int directory, const char *name, int flags, uint64_t resolve) {
    struct open_how how = {
        .flags = (unsigned int)flags | O_CLOEXEC | O_NOFOLLOW,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | resolve,
    };
    return (int)syscall(SYS_openat2, directory, name, &how, sizeof how);
}

int usher_open_beneath(int directory, const char *name, int flags) {
    return open_beneath(directory, name, flags, RESOLVE_NO_XDEV);
}

int usher_open_name_beneath(int directory, const char *name) {
    return open_beneath(directory, name, O_PATH, RESOLVE_NO_XDEV);
}

int usher_rename_to_free_name(int from, const char *name, int to, const char *free_name) {
    return renameat2(from, name, to, free_name, RENAME_NOREPLACE);
}

int usher_clear_file_flags(int descriptor) {
    // The kernel copies an int, whatever the constant's type says.
    int flags = 0;
    if (ioctl(descriptor, FS_IOC_GETFLAGS, &flags) < 0) return -1;
    if (!(flags & (FS_IMMUTABLE_FL | FS_APPEND_FL))) return 0;
    flags &= ~(FS_IMMUTABLE_FL | FS_APPEND_FL);
    return ioctl(descriptor, FS_IOC_SETFLAGS, &flags) < 0 ? -1 : 1;
}

int usher_remove_shared_memory(int id) {
    return shmctl(id, IPC_RMID, NULL);
}

int usher_remove_semaphores(int id) {
    return semctl(id, 0, IPC_RMID);
}

int usher_remove_message_queue(int id) {
    return msgctl(id, IPC_RMID, NULL);
}

// linux/mount.h, which cannot be included beside glibc's sys/mount.h.
enum { CONFIGURE_CREATE = 6, OPEN_CLOEXEC = 1, MOUNT_CLOEXEC = 1, NO_SUID_NO_DEV_NO_EXEC = 2 | 4 | 8 };

int usher_mount_mqueue(void) {
    int context = (int)syscall(SYS_fsopen, "mqueue", OPEN_CLOEXEC);
    if (context < 0) return -1;
    int mount = -1;
    if (syscall(SYS_fsconfig, context, CONFIGURE_CREATE, NULL, NULL, 0) == 0)
        mount = (int)syscall(SYS_fsmount, context, MOUNT_CLOEXEC, NO_SUID_NO_DEV_NO_EXEC);
    int code = errno;
    close(context);
    errno = code;
    return mount;
}

struct task {
    uid_t uid;
    int (*work)(uid_t uid);
    int code;
};

// Nobody's, and another for each uid: above all uids that Usher (UsherWire/EphemeralAccount.swift), Debian and systemd
// give. Children of two uids at once that had the same real uid would kill each other.
static uid_t nobodys_uid(uid_t uid) {
    return uid ^ 0x80000000U;
}

// Raw system calls: those of glibc would change every thread of the agent, whose memory this process shares.
static int become(uid_t uid, uid_t real_and_saved) {
    if (syscall(SYS_setgroups, 0, NULL) < 0) return -1;
    if (syscall(SYS_setresgid, uid, uid, uid) < 0) return -1;
    return (int)syscall(SYS_setresuid, real_and_saved, uid, real_and_saved);
}

static int run_task(void *argument) {
    struct task *task = argument;
    task->code = task->work(task->uid) < 0 ? errno : 0;
    return 0;
}

// A process of its own, because credentials of a thread of the agent would make the agent killable by the uid. It
// shares the agent's memory until it ends, so that nothing is copied; the calling thread waits for it.
static int run_in_child(uid_t uid, int (*work)(uid_t uid)) {
    char stack[16384] __attribute__((aligned(16)));
    struct task task = {.uid = uid, .work = work, .code = ECHILD};
    sigset_t all, before;
    sigfillset(&all);
    // No handler of the agent may run in the child.
    sigprocmask(SIG_SETMASK, &all, &before);
    int pid = clone(run_task, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, &task);
    int code = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (pid < 0) {
        errno = code;
        return -1;
    }
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) continue;
    errno = task.code;
    return task.code == 0 ? 0 : -1;
}

// The effective uid alone sends signals; processes of the uid may signal only whose real or saved uid it is, and trace
// only who has it in all three places (kill(2), ptrace(2)): they can neither stop this process nor reach the memory.
static int kill_all(uid_t uid) {
    if (become(uid, nobodys_uid(uid)) < 0) return -1;
    // Not the caller itself; see kill(2).
    return syscall(SYS_kill, -1, SIGKILL) < 0 && errno != ESRCH ? -1 : 0;
}

int usher_kill_all_of(uid_t uid) {
    return run_in_child(uid, kill_all);
}

static int discard(long keyring) {
    // Emptied first: invalidated, its keys would live on until the kernel collects them.
    int cleared = (int)syscall(SYS_keyctl, KEYCTL_CLEAR, keyring);
    if (cleared < 0 && errno != EKEYREVOKED && errno != ENOKEY) return -1;
    int gone = (int)syscall(SYS_keyctl, KEYCTL_INVALIDATE, keyring);
    return gone < 0 && errno != EKEYREVOKED && errno != ENOKEY ? -1 : 0;
}

static int clear_keyrings(uid_t uid) {
    // The child alone has this session keyring, and it goes with it.
    if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0) return -1;
    long persistent = syscall(SYS_keyctl, KEYCTL_GET_PERSISTENT, uid, KEY_SPEC_SESSION_KEYRING);
    // Some kernels are built without.
    if (persistent < 0 ? errno != EOPNOTSUPP : discard(persistent) < 0) return -1;
    // The real uid names the keyrings (keyrings(7)); nothing runs that could make use of it.
    if (become(uid, uid) < 0) return -1;
    // Both before either is discarded: the kernel makes a missing one when it is asked for the other.
    long session = syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_SESSION_KEYRING, 0);
    long user = syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 0);
    if (session < 0 || user < 0) return -1;
    return discard(session) < 0 || discard(user) < 0 ? -1 : 0;
}

int usher_clear_keyrings(uid_t uid) {
    return run_in_child(uid, clear_keyrings);
}
