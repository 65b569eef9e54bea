"""The private host's mount namespace: its own /etc, /usr, /run, /dev and the parts of /var that logins write to.

Everything else of the machine shows through. The processes' pids, the network and the kernel's audit stay the
machine's own: audit refuses other pid namespaces, and the tests are about the real thing.
"""
import ctypes
import os
import pathlib
import stat
import subprocess

CLONE_NEWNS = 0x00020000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 4096, 16384, 1 << 18
MNT_DETACH = 2

libc = ctypes.CDLL(None, use_errno=True)


def _check(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def mount(source, target, kind=None, flags=0, options=None):
    """mount(2); the arguments are paths or strings."""
    def encode(value):
        return None if value is None else os.fsencode(str(value))
    _check(libc.mount(encode(source), encode(target), encode(kind), ctypes.c_ulong(flags), encode(options)),
           f"mount {source} on {target}")


def unmount(target):
    """umount2(2), lazily: what still has it open keeps it until it ends."""
    _check(libc.umount2(os.fsencode(str(target)), MNT_DETACH), f"umount {target}")


def enter_new_namespace():
    """Gives this process a mount namespace of its own, from which nothing propagates back."""
    _check(libc.unshare(CLONE_NEWNS), "unshare")
    mount("none", "/", flags=MS_REC | MS_PRIVATE)


def join_namespace(pid):
    """Takes this process into the mount namespace of another, keeping the working directory's path."""
    directory = os.getcwd()
    descriptor = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _check(libc.setns(descriptor, CLONE_NEWNS), f"setns to process {pid}")
    finally:
        os.close(descriptor)
    os.chdir(directory)


def namespace_of(pid="self"):
    """What identifies a process's mount namespace; None when the process is gone."""
    try:
        return os.readlink(f"/proc/{pid}/ns/mnt")
    except OSError:
        return None


def _overlay(directory, work):
    for name in ("upper", "work"):
        (work / name).mkdir(parents=True)
    # The upper directory's mode becomes the mode of the merged directory.
    (work / "upper").chmod(0o755)
    mount("overlay", directory, "overlay",
          options=f"lowerdir={directory},upperdir={work}/upper,workdir={work}/work")


def _private_dev(work):
    """A /dev with the machine's own devices and no /dev/log, so that the log socket can be ours."""
    old = work / "dev"
    old.mkdir()
    mount("/dev", old, flags=MS_BIND | MS_REC)
    entries = []
    for entry in pathlib.Path("/dev").iterdir():
        status = entry.lstat()
        if stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):
            entries.append((entry.name, status))
    mount("tmpfs", "/dev", "tmpfs", MS_NOSUID, "mode=755,size=1m")
    for name, status in entries:
        os.mknod(f"/dev/{name}", status.st_mode, status.st_rdev)
        os.chmod(f"/dev/{name}", stat.S_IMODE(status.st_mode))
        os.chown(f"/dev/{name}", status.st_uid, status.st_gid)
    for name, target in (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        os.symlink(target, f"/dev/{name}")
    os.mkdir("/dev/pts")
    mount(old / "pts", "/dev/pts", flags=MS_BIND)
    if not os.path.exists("/dev/ptmx"):
        os.symlink("pts/ptmx", "/dev/ptmx")
    os.mkdir("/dev/shm")
    mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")
    unmount(old)


PRIVATE = ("/var/lib/usher", "/var/log", "/var/mail", "/var/spool/cron")


def missing():
    """Directories that the machine does not have and that must be made to mount over them."""
    return [directory for directory in PRIVATE if not os.path.isdir(directory)]


def lay_out(work):
    """Mounts the private host's file systems in the current namespace. `work` must be on a disk."""
    for directory in ("/etc", "/usr"):
        _overlay(directory, work / directory.strip("/"))
    for directory in PRIVATE:
        # Directories on the disk, not tmpfs: what the agent makes durable must be able to become so.
        private = work / directory.strip("/").replace("/", "-")
        private.mkdir(mode=0o755)
        os.makedirs(directory, exist_ok=True)
        mount(private, directory, flags=MS_BIND)
    os.chmod("/var/lib/usher", 0o700)
    os.mkdir("/var/log/audit", mode=0o700)
    for name in ("wtmp", "btmp", "lastlog"):
        pathlib.Path("/var/log", name).touch()
    _private_dev(work)
    mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
    for name, mode in (("sshd", 0o755), ("lock", 0o1777), ("sudo", 0o711), ("user", 0o755)):
        os.mkdir(f"/run/{name}")
        os.chmod(f"/run/{name}", mode)
    pathlib.Path("/run/utmp").touch()


def mounts():
    """The mounts of the current namespace in their order: id and target."""
    lines = pathlib.Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    return {int(line.split()[0]): line.split()[4] for line in lines}


def take_apart(before):
    """Unmounts what was mounted since `before`, the ids of the mounts then; the last first."""
    for number, target in reversed(mounts().items()):
        if number not in before:
            unmount(target)


def on_disk(directory):
    """Whether a directory's file system keeps its data on a disk and can carry an overlay's upper layer."""
    kind = subprocess.run(["stat", "-f", "-c", "%T", directory], capture_output=True, text=True, check=True)
    return kind.stdout.strip() not in ("tmpfs", "ramfs", "overlayfs")
