"""Mounts that only this process and its children see."""
import ctypes
import os
import pathlib
import subprocess

CLONE_NEWNS = 0x00020000
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MNT_DETACH = 2
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")

libc = ctypes.CDLL(None, use_errno=True)


def _check(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def mount(source, target, kind=None, flags=0, options=None):
    def encode(value):
        return None if value is None else os.fsencode(str(value))
    _check(libc.mount(encode(source), encode(target), encode(kind), ctypes.c_ulong(flags), encode(options)),
           f"mount {source} on {target}")


def bind(source, target):
    mount(source, target, flags=MS_BIND)


def enter_namespace():
    """Nothing that is mounted from here on propagates back."""
    _check(libc.unshare(CLONE_NEWNS), "unshare")
    mount("none", "/", flags=MS_REC | MS_PRIVATE)


def unmount_below(directory):
    """Takes away our mounts on what lies below a directory, so that it can be removed."""
    lines = pathlib.Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    for point in sorted((line.split()[4] for line in lines), reverse=True):
        if point.startswith(f"{directory}/"):
            _check(libc.umount2(os.fsencode(point), MNT_DETACH), f"umount {point}")


def cover_dev(work):
    """A /dev with no log socket, so that one of our own can be bound there."""
    new = work / "dev"
    new.mkdir()
    mount("none", new, "tmpfs", options="mode=0755")
    for name in DEVICES:
        (new / name).touch()
        bind(f"/dev/{name}", new / name)
    mount(new, "/dev", flags=MS_BIND | MS_REC)


def cover_run():
    """An empty /run on a tmpfs."""
    mount("none", "/run", "tmpfs", options="mode=0755")
