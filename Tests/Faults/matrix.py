"""The points at which a fault strikes, and one of them done: fault, restart, every invariant."""
import pathlib
import signal
import time
import traceback
from dataclasses import dataclass

from injection import DATABASE, Fault, Tracing
from invariants import Examination
from phases import PHASES

# Calls that never come back, or that strace cannot change.
UNTOUCHED = {"exit", "exit_group", "restart_syscall", "rt_sigreturn", "execve"}
# What a full disk, a broken disk, a host without descriptors and a signal do to the calls that meet them.
ERRORS = {
    "ENOSPC": ("write", "pwrite64", "fsync", "fdatasync", "ftruncate", "fallocate", "openat", "mkdir", "mkdirat",
               "mount", "rename", "renameat", "renameat2", "symlinkat", "linkat"),
    "EIO": ("read", "pread64", "write", "pwrite64", "fsync", "fdatasync", "ftruncate", "openat", "newfstatat",
            "statx", "getdents64", "mkdir", "mkdirat", "mount", "umount2", "rename", "renameat", "renameat2", "unlink",
            "unlinkat", "rmdir", "sendto", "recvfrom", "recvmsg", "writev"),
    "EMFILE": ("openat", "socket", "accept4", "pidfd_open", "epoll_create1", "eventfd2", "dup"),
    "EINTR": ("read", "write", "pwrite64", "fsync", "fdatasync", "openat", "poll", "ppoll", "epoll_wait",
              "epoll_pwait", "sendto", "recvfrom", "recvmsg", "writev", "accept4", "futex"),
}
# A call that a thread makes more often than this (the passes over /proc do, once for each process of the machine) is
# met at so many of its places, evenly spread, the first and the last among them.
PLACES = {"KILL": 24, "error": 8, "lasting": 3}
# Errors that stay until the fault is over, as those of a full disk do.
LASTING = {"ENOSPC", "EIO", "EMFILE"}


# Seconds for one point; the slowest, a start on a disk that stays broken, takes some 30 on a quiet machine.
LONGEST = 90


@dataclass(frozen=True)
class Point:
    phase: str
    fault: Fault

    def __str__(self):
        return f"{self.phase}: {self.fault}"


@dataclass
class Result:
    point: Point
    reached: bool
    broken: list
    seconds: float


def _spread(places, kind):
    """As many of these places as the kind of fault takes, evenly spread."""
    limit = min(len(places), PLACES[kind])
    return sorted({places[round(index * (len(places) - 1) / max(1, limit - 1))] for index in range(limit)})


def points_of(phase, calls):
    """Every point of a phase, from the calls of a run without faults: by name, the files of the first, second …"""
    found = []
    for call, files in sorted(calls.items()):
        if call in UNTOUCHED:
            continue
        found += [Fault(call, number) for number in _spread(range(1, len(files) + 1), "KILL")]
        for error, names in ERRORS.items():
            if call not in names:
                continue
            possible = [number for number, file in enumerate(files, 1)
                        if file != "loader" and Fault(call, number, error).can_happen(file)]
            found += [Fault(call, number, error) for number in _spread(possible, "error")]
            if error == "EMFILE" and possible:
                found += [Fault(call, number, error, lasting=True) for number in _spread(possible, "lasting")]
            elif error in LASTING:
                of_database = range(1, 1 + sum(file in DATABASE for file in files))
                found += [Fault(call, number, error, lasting=True) for number in _spread(of_database, "lasting")]
    return [Point(phase, fault) for fault in found]


def _too_long(_number, _frame):
    raise TimeoutError(f"the point took more than {LONGEST} s")


class Matrix:
    """Does points on one light host, one after another."""

    def __init__(self, host):
        self.host = host
        self._trace = host.work / "strace"
        self._phase = None
        signal.signal(signal.SIGALRM, _too_long)

    def record(self):
        """What each phase does when nothing goes wrong: all points."""
        found = []
        for name in PHASES:
            phase, tracing = self._strike(name, None)
            broken = Examination(self.host, phase).run()
            if broken:
                raise RuntimeError(f"{name} without any fault: {broken}\n{self.host.tail()}")
            found += points_of(name, tracing.calls())
        return found

    def run(self, point):
        """Strikes and examines. A fault that came to another call than in the recording, on a file where it cannot
        happen, is not judged and not counted."""
        start = time.monotonic()
        reached, broken = False, []
        signal.alarm(LONGEST)
        try:
            phase, tracing = self._strike(point.phase, point.fault)
            files = tracing.injected
            reached = self.died if point.fault.error == "KILL" else bool(files)
            if all(map(point.fault.can_happen, files)):
                broken = Examination(self.host, phase).run()
            else:
                reached = False
                self._repair()
        except Exception:
            reached, broken = True, [traceback.format_exc(limit=-6)]
        finally:
            signal.alarm(0)
        if broken:
            broken += [self._state(), self.host.tail(12)]
            self._repair()
        return Result(point, reached, broken, time.monotonic() - start)

    def _strike(self, name, fault):
        """Prepares, lets the fault strike, and leaves an agent that runs without it."""
        phase = self._phase = PHASES[name](self.host)
        if self.host.agent.poll() is not None:
            self.host.start_agent()
        phase.prepare()
        tracing = Tracing(self._trace, fault)
        if phase.starts_agent:
            self.host.start_agent(tracing.prefix(), wait=False)
        else:
            tracing.attach(self.host.agent.pid)
        try:
            phase.act()
        finally:
            tracing.detach(self.host.agent.pid)
        self.died = self.host.agent.poll() == -9
        if self.host.agent.poll() is not None:
            self.host.start_agent()
        return phase, tracing

    def _state(self):
        """What the kernel says of the agent, for a point that took too long."""
        try:
            text = pathlib.Path(f"/proc/{self.host.agent.pid}/status").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return "the agent is gone"
        return " ".join(line for line in text.splitlines() if line.startswith(("State", "TracerPid", "Threads")))

    def _repair(self):
        """A fresh agent, so that the next point has a chance."""
        for login in self._phase.logins:
            login.hang_up()
        if self.host.agent.poll() is None:
            self.host.kill_agent()
        self.host.start_agent()
        if not any(row["account"] == self.host.bystander.name for row in self.host.sessions() or []):
            self.host.bystander.hang_up()
            self.host.seat_bystander()
