"""Faults at system calls of the agent, by strace: it dies at one, or one fails.

strace counts for each thread by itself, so a point is "the first thread that comes to its N-th call of this name".
"""
import collections
import contextlib
import os
import pathlib
import re
import signal
import subprocess
import time
from dataclasses import dataclass

import processes

# A line of `strace -f -y`: thread, call, and what it is made on: the file of its first argument (a descriptor's, or a
# path), or what a futex is asked. A call that another thread's line cuts in two is resumed in a line of its own.
CALL = re.compile(r'^(\d+) +(\w+)\((?:AT_FDCWD<[^>]*>, )?(?:\d+<([^>]*)>|"([^"]*)"|0x[0-9a-f]+, (FUTEX_\w+))?')
RESUMED = re.compile(r"^(\d+) +<\.\.\. (\w+) resumed>")
# A disk that is full or breaks shows in these files.
ON_DISK = ("/var/", "/run/", "/etc/usher", "/sys/fs/cgroup", "/etc/skel")
DATABASE = tuple(f"/var/lib/usher/usher.sqlite{end}" for end in ("", "-wal", "-shm"))
# Counters in the kernel's memory, which the event loops open non-blocking: a call on one is done at once, or EAGAIN.
COUNTERS = ("anon_inode:[eventfd]", "anon_inode:[timerfd]")
# What the kernel does to other threads, without waiting for anything that a signal could cut short.
WAKING = ("FUTEX_WAKE", "FUTEX_REQUEUE", "FUTEX_CMP_REQUEUE", "FUTEX_UNLOCK_PI")
# Why a place is left out, for the report.
NOT_ON_DISK = "ENOSPC and EIO: not a file on disk, tmpfs or cgroupfs"
NO_WAIT = "EINTR: a futex wake or a non-blocking counter (eventfd, timerfd) waits for nothing"
LOADER = "loader"
IN_LOADER = "an error before the program runs: the dynamic loader's affair"

# linux/sched.h
PF_EXITING, PF_SIGNALED = 0x4, 0x400


@dataclass(frozen=True)
class Fault:
    """What happens at the N-th call of a name: SIGKILL, or an error; `lasting` errors stay."""
    call: str
    number: int
    error: str = "KILL"
    lasting: bool = False

    @property
    def is_of_disk(self):
        return self.error in ("ENOSPC", "EIO")

    def options(self):
        what = "signal=KILL" if self.error == "KILL" else f"error={self.error}"
        words = ["-e", f"trace={self.call}", "-e",
                 f"inject={self.call}:{what}:when={self.number}{'+' if self.lasting else ''}"]
        if self.lasting and self.is_of_disk:
            for path in DATABASE:
                words += ["-P", path]
        return words

    def impossible(self, subject):
        """Why no kernel does this to a call on the subject (None where the call names none); None when one can."""
        if self.error == "KILL":
            return None
        if subject == LOADER:
            return IN_LOADER
        if self.is_of_disk:
            return None if subject is not None and subject.startswith(ON_DISK) else NOT_ON_DISK
        if self.error == "EINTR" and subject is not None and (subject.startswith(WAKING) or subject in COUNTERS):
            return NO_WAIT
        return None

    def __str__(self):
        where = " of the database" if self.lasting and self.is_of_disk else ""
        return f"{self.error} at {self.call} {self.number}{where}{' and later' if self.lasting else ''}"


class Tracing:
    """strace over all threads of the agent, with a fault or only to record."""

    def __init__(self, output, fault=None):
        self.output = pathlib.Path(output)
        self.output.unlink(missing_ok=True)
        self._options = ["strace", "-f", "-y", "-q", "-o", str(self.output)]
        self._options += fault.options() if fault else []
        self._process = None
        self._agent = None

    def prefix(self):
        """What a command is started with; the agent itself stays the child of whoever starts it. Without
        --seccomp-bpf: that filter outlives strace, and the calls that it names fail from then on."""
        return [*self._options, "-D"]

    def attach(self, pid):
        self._agent = pid
        self._process = subprocess.Popen([*self._options, "-p", str(pid)], stdin=subprocess.DEVNULL,
                                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        processes.wait_until(lambda: self._all_traced(pid), 10, "strace has every thread", interval=0.003)

    @staticmethod
    def _all_traced(pid):
        tracers = [_tracer(task) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()] if processes.alive(pid) \
            else [1]
        return 0 not in tracers

    def detach(self, pid):
        """Lets the agent go on without us; also after it has ended. Returns whether it is about to end.

        By SIGKILL: strace writes line by line, the kernel lets go of all that a dead tracer held, and strace itself may
        wait for ever for a thread that just forks. But never between the beginning of a call that strace makes fail
        and its end: the agent would get ENOSYS, which is neither the fault nor anything that a kernel says."""
        tracer = self._process.pid if self._process else _tracer(pathlib.Path(f"/proc/{pid}"))
        dying = False
        if tracer:
            with contextlib.suppress(ProcessLookupError):
                try:
                    dying = self._stop_between_calls(tracer, pid)
                finally:
                    os.kill(tracer, signal.SIGKILL)
        if self._process:
            self._process.wait(20)
        processes.wait_until(lambda: self._none_traced(pid), 20, "strace let go", interval=0.003)
        return dying

    @staticmethod
    def _stop_between_calls(tracer, pid):
        """Stops strace when no thread of the agent is in a call that it changes. Whether the agent is ending then: a
        SIGKILL that strace sent has arrived once no thread runs."""
        end = time.monotonic() + 20
        while True:
            os.kill(tracer, signal.SIGSTOP)
            before = None
            while time.monotonic() < end:
                stopped = all(task.state in "TZX" for task in _tasks(tracer))
                tasks = _tasks(pid)
                if stopped and not any(task.state == "R" for task in tasks) and tasks == before:
                    break
                before = tasks
            if not any(task.call_is_changed for task in tasks):
                return not tasks or tasks[0].exiting or any(task.killed for task in tasks)
            if time.monotonic() > end:
                raise TimeoutError("strace never stood between two calls")
            os.kill(tracer, signal.SIGCONT)
            time.sleep(0.001)

    @staticmethod
    def _none_traced(pid):
        try:
            return not any(_tracer(task) for task in pathlib.Path(f"/proc/{pid}/task").iterdir())
        except OSError:
            return True

    @property
    def injected(self):
        """What the calls that were made to fail were made on."""
        found, subjects = [], {}
        for line in self._text():
            if match := CALL.match(line):
                subjects[match[1], match[2]] = _subject(match)
            match = match or RESUMED.match(line)
            if match and "(INJECTED" in line:
                found.append(subjects.get((match[1], match[2])))
        return found

    def calls(self):
        """For each name of a call, what the first, second … was made on by the first thread that came so far."""
        counts, found = collections.Counter(), {}
        loading = not any("usherd.toml" in line for line in self._text())
        for line in self._text():
            if not (match := CALL.match(line)):
                continue
            thread, call = match[1], match[2]
            counts[thread, call] += 1
            subjects = found.setdefault(call, [])
            if counts[thread, call] > len(subjects):
                # What fails before the program runs is the loader's affair.
                subjects.append(LOADER if not loading and "usherd.toml" not in line else _subject(match))
            loading = loading or "usherd.toml" in line
        return found

    def _text(self):
        return self.output.read_text(errors="replace").splitlines() if self.output.exists() else []


def _subject(match):
    return match[3] or match[4] or match[5]


@dataclass(frozen=True)
class _Task:
    """A thread as /proc shows it."""
    state: str
    # proc(5): -1 for a thread that stands outside of any call, and for one whose call strace changed.
    call_is_changed: bool
    # A thread that a signal ends stands before its exit once more, for strace, without being said to exit.
    killed: bool
    exiting: bool


def _tasks(pid):
    """The threads of a process, the leader first; none when it is gone."""
    found = []
    with contextlib.suppress(OSError):
        for name in sorted(os.listdir(f"/proc/{pid}/task"), key=lambda name: (name != str(pid), name)):
            task = pathlib.Path(f"/proc/{pid}/task/{name}")
            with contextlib.suppress(OSError):
                words = (task / "stat").read_text(errors="replace").rpartition(")")[2].split()
                killed, exiting = (bool(int(words[6]) & flag) for flag in (PF_SIGNALED, PF_EXITING))
                call = "" if killed or exiting else (task / "syscall").read_text(encoding="ascii")
                found.append(_Task(words[0], call.startswith("-1 "), killed, exiting))
    return found


def _tracer(process):
    try:
        text = (process / "status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    return int(re.search(r"^TracerPid:\s+(\d+)", text, re.MULTILINE)[1])
