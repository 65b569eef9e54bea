"""The points at which a fault strikes, and one of them done: fault, restart, every invariant."""
import collections
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


# A fault comes to the N-th call, whatever that is this time: it is tried so often, until it comes to one that can
# fail so.
TRIES = 3
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
    # Why it was not judged: the fault came to a call that no kernel lets fail so.
    impossible: str | None
    end: int | None
    broken: list
    seconds: float


def _spread(places, kind):
    """As many of these places as the kind of fault takes, evenly spread."""
    limit = min(len(places), PLACES[kind])
    return sorted({places[round(index * (len(places) - 1) / max(1, limit - 1))] for index in range(limit)})


def points_of(phase, calls):
    """Every point of a phase, from the calls of a run without faults: by name, what the first, second … was made on.
    And the places that are left out, counted by the reason why no kernel does this there."""
    found, left_out = [], collections.Counter()
    for call, subjects in sorted(calls.items()):
        if call in UNTOUCHED:
            continue
        found += [Fault(call, number) for number in _spread(range(1, len(subjects) + 1), "KILL")]
        for error, names in ERRORS.items():
            if call not in names:
                continue
            reasons = [Fault(call, number, error).impossible(subject) for number, subject in enumerate(subjects, 1)]
            left_out.update(filter(None, reasons))
            possible = [number for number, reason in enumerate(reasons, 1) if reason is None]
            found += [Fault(call, number, error) for number in _spread(possible, "error")]
            if error == "EMFILE" and possible:
                found += [Fault(call, number, error, lasting=True) for number in _spread(possible, "lasting")]
            elif error in LASTING:
                of_database = range(1, 1 + sum(subject in DATABASE for subject in subjects))
                found += [Fault(call, number, error, lasting=True) for number in _spread(of_database, "lasting")]
    return [Point(phase, fault) for fault in found], left_out


def _too_long(_number, _frame):
    raise TimeoutError(f"the point took more than {LONGEST} s")


class Matrix:
    """Does points on one light host, one after another."""

    def __init__(self, host):
        self.host = host
        self._trace = host.work / "strace"
        self._tracing = self._phase = None
        # The agent's exit status after the fault, a signal negative; None when it goes on.
        self.end = None
        signal.signal(signal.SIGALRM, _too_long)

    def record(self):
        """What each phase does when nothing goes wrong: all points, and what is left out by reason."""
        found, left_out = [], collections.Counter()
        for name in PHASES:
            self._tracing = Tracing(self._trace)
            phase = self._strike(name)
            broken = Examination(self.host, phase).run()
            if broken:
                raise RuntimeError(f"{name} without any fault: {broken}\n{self.host.tail()}")
            points, reasons = points_of(name, self._tracing.calls())
            found += points
            left_out += reasons
        return found, left_out

    def run(self, point):
        """Strikes and examines. A fault that came to another call than in the recording, where it cannot happen, is
        not judged and not counted."""
        for _ in range(TRIES):
            result = self._try(point)
            if not result.impossible:
                break
        return result

    def _try(self, point):
        start = time.monotonic()
        self._tracing = Tracing(self._trace, point.fault)
        self.end, reached, broken = None, False, []
        signal.alarm(LONGEST)
        try:
            phase = self._strike(point.phase)
            reached = self.end == -signal.SIGKILL if point.fault.error == "KILL" else bool(self._tracing.injected)
            if not self._impossible(point.fault):
                broken = Examination(self.host, phase).run()
                if point.fault.error != "KILL" and (self.end or 0) < 0:
                    broken.append(f"the agent crashed by signal {-self.end} on an error")
        except Exception:
            reached, broken = True, [traceback.format_exc(limit=-6)]
        finally:
            signal.alarm(0)
        impossible = self._impossible(point.fault)
        if impossible:
            reached, broken = False, []
        if broken:
            broken += [self._state(), self.host.tail(12)]
        if broken or impossible:
            self._repair()
        return Result(point, reached, impossible, self.end, broken, time.monotonic() - start)

    def _impossible(self, fault):
        """Why no kernel does what was just done to a call; None when one can."""
        return next(filter(None, map(fault.impossible, self._tracing.injected)), None)

    def _strike(self, name):
        """Prepares, lets the fault strike, and leaves an agent that runs without it."""
        phase = self._phase = PHASES[name](self.host)
        if self.host.agent.poll() is not None:
            self.host.start_agent()
        phase.prepare()
        if phase.starts_agent:
            self.host.start_agent(self._tracing.prefix(), wait=False)
        else:
            self._tracing.attach(self.host.agent.pid)
        try:
            phase.act()
        finally:
            dying = self._tracing.detach(self.host.agent.pid)
        if dying:
            self.host.agent.wait(20)
        self.end = self.host.agent.poll()
        if self.host.agent.poll() is not None:
            self.host.start_agent()
        return phase

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
