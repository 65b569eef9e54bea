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
from dataclasses import dataclass

import processes

# A line of `strace -f -y`: thread, call, and the file of its first argument: a descriptor's, or a path.
CALL = re.compile(r'^(\d+) +(\w+)\((?:AT_FDCWD<[^>]*>, )?(?:\d+<([^>]*)>|"([^"]*)")?')
# A disk that is full or breaks shows in these files; a broken read of /proc or a full eventfd there is not.
ON_DISK = ("/var/", "/run/", "/etc/usher", "/sys/fs/cgroup", "/etc/skel")
DATABASE = tuple(f"/var/lib/usher/usher.sqlite{end}" for end in ("", "-wal", "-shm"))


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

    def can_happen(self, file):
        """Whether a call on this file, None where the call has none, fails so outside a test."""
        if self.error == "KILL":
            return True
        if self.is_of_disk:
            return file is not None and file.startswith(ON_DISK)
        return file is None or "eventfd" not in file

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
        """Lets the agent go on without us; also after it has ended. By SIGKILL: strace writes line by line, the kernel
        lets go of all that a dead tracer held, and strace itself may wait for ever for a thread that just forks."""
        tracer = self._process.pid if self._process else _tracer(pathlib.Path(f"/proc/{pid}"))
        if tracer:
            with contextlib.suppress(ProcessLookupError):
                os.kill(tracer, signal.SIGKILL)
        if self._process:
            self._process.wait(20)
        processes.wait_until(lambda: self._none_traced(pid), 20, "strace let go", interval=0.003)

    @staticmethod
    def _none_traced(pid):
        try:
            return not any(_tracer(task) for task in pathlib.Path(f"/proc/{pid}/task").iterdir())
        except OSError:
            return True

    @property
    def injected(self):
        """The files of the calls that were made to fail."""
        return [match[3] or match[4] for line, match in self._lines() if "(INJECTED" in line]

    def calls(self):
        """For each name of a call, the files of the first, second … as the first thread that came so far made it."""
        counts, found = collections.Counter(), {}
        loading = not any("usherd.toml" in line for line, _ in self._lines())
        for line, match in self._lines():
            thread, call = match[1], match[2]
            counts[thread, call] += 1
            files = found.setdefault(call, [])
            if counts[thread, call] > len(files):
                # What fails before the program runs is the loader's affair.
                files.append("loader" if not loading and "usherd.toml" not in line else match[3] or match[4])
            loading = loading or "usherd.toml" in line
        return found

    def _lines(self):
        text = self.output.read_text(errors="replace") if self.output.exists() else ""
        return [(line, match) for line in text.splitlines() if (match := CALL.match(line))]


def _tracer(process):
    try:
        text = (process / "status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    return int(re.search(r"^TracerPid:\s+(\d+)", text, re.MULTILINE)[1])
