#define _GNU_SOURCE
#include "CUsherLinux.h"

#include <fcntl.h>
#include <linux/ioprio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

int usher_open_directory_quietly(int directory, const char *name) {
    return usher_open_beneath(directory, name, O_RDONLY | O_DIRECTORY | O_NOATIME);
}

int usher_give_file(int descriptor, uid_t uid, gid_t gid) {
    return fchownat(descriptor, "", uid, gid, AT_EMPTY_PATH);
}

int usher_become_idle(void) {
    // Both speak of the calling thread alone: on Linux a thread has a niceness and an I/O class of its own.
    if (setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 19) < 0) return -1;
    return (int)syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0));
}
