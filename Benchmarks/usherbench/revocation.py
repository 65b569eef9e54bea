"""From the call of `usher revoke` to the death of the last process of a session, of few and of very many processes."""
import json
import os
import pathlib
import select
import shutil
import socket
import subprocess
import time

import host_files
import processes
from login import Client

from .host import CONTROL
from .report import percentile

CROWD = "/usr/local/bin/usher-bench-crowd"
PATIENCE = 30.0


class Caller:
    """The agent's control socket, as `usher` uses it: a connection for each call."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(CONTROL)
        self._answer = b""

    def send(self, method, **parameters):
        call = {"method": f"io.usher.Control.{method}", "parameters": parameters}
        self.socket.sendall(json.dumps(call).encode() + b"\0")

    def read(self):
        """What has come; the answer once it is whole."""
        piece = self.socket.recv(65536)
        if not piece:
            raise RuntimeError("the agent closed its control socket without an answer")
        self._answer += piece
        if not self._answer.endswith(b"\0"):
            return None
        answer = json.loads(self._answer[:-1])
        self.socket.close()
        if "error" in answer:
            raise RuntimeError(f"the agent answered {answer}")
        return answer["parameters"]


def ask(method, **parameters):
    caller = Caller()
    caller.send(method, **parameters)
    while (answer := caller.read()) is None:
        pass
    return answer


def group_of(session):
    """The directory of a session's cgroup."""
    for top in host_files.control_groups():
        if (top / session).is_dir():
            return top / session
    raise RuntimeError(f"session {session} has no cgroup")


def session_of(account):
    def find():
        return next((each for each in ask("ListSessions")["sessions"] if each["account"] == account), None)
    return processes.wait_until(find, PATIENCE, f"a session of {account}")


class Ending:
    """One session that is revoked while somebody watches: milliseconds until the answer, until the last of its
    processes was dead, and until the leader was too."""

    def __init__(self, host, account, ticket, count):
        with Client(host.port, account, ticket) as client:
            login = client.start(f"exec {CROWD} {count}", stdin=subprocess.DEVNULL)
            try:
                if login.stdout.readline() != "ready\n":
                    login.kill()
                    raise RuntimeError(f"no session of {count} processes: {login.communicate()[1][-300:]}")
                session = session_of(account)
                group = group_of(session["id"])
                pids = [int(pid) for pid in (group / "cgroup.procs").read_text().split()]
                # sshd's own child for the session is one of them.
                if len(pids) < count:
                    raise RuntimeError(f"{len(pids)} of {count} processes are in the session's cgroup")
                self._watch(group, session["leader"], account)
                self.survivors = [pid for pid in pids if processes.alive(pid)]
            finally:
                login.kill()
                login.communicate()

    def _watch(self, group, leader, account):
        caller = Caller()
        events = os.open(group / "cgroup.events", os.O_RDONLY)
        exit_of_leader = os.pidfd_open(leader)
        try:
            poll = select.poll()
            # The kernel raises POLLPRI when the file changes after it was read.
            os.pread(events, 4096, 0)
            poll.register(events, select.POLLPRI)
            poll.register(exit_of_leader, select.POLLIN)
            poll.register(caller.socket, select.POLLIN)
            waiting = {"dead", "leader", "answer"}
            start = time.monotonic()
            caller.send("Revoke", kind="account", value=account, reason="benchmark")
            while waiting:
                ready = poll.poll(PATIENCE * 1000)
                now = (time.monotonic() - start) * 1000
                if not ready:
                    missing = ", ".join(sorted(waiting))
                    raise RuntimeError(f"{PATIENCE:.0f} s after the revocation: {missing} is missing")
                for descriptor, _ in ready:
                    if descriptor == events:
                        if self._is_empty(events):
                            self.dead = now
                            waiting.discard("dead")
                            poll.unregister(events)
                    elif descriptor == exit_of_leader:
                        self.leader = now
                        waiting.discard("leader")
                        poll.unregister(exit_of_leader)
                    elif answer := caller.read():
                        self.answer = now
                        waiting.discard("answer")
                        poll.unregister(descriptor)
                        if answer["sessionsEnded"] != 1:
                            raise RuntimeError(f"the revocation ended {answer['sessionsEnded']} sessions, not 1")
                        self.revocation = answer["revocation"]["id"]
        finally:
            os.close(events)
            os.close(exit_of_leader)

    @staticmethod
    def _is_empty(events):
        """Zombies do not count. A group that is gone was empty."""
        try:
            return b"populated 0" in os.pread(events, 4096, 0)
        except OSError:
            return True


def measure(report, host, name, count, rounds):
    """The endings of so many sessions, one after another; none when one could not be had."""
    endings = []
    for account, ticket in host.tickets(rounds):
        ending = Ending(host, account, ticket, count)
        report.emit("revocation", session=name, dead_ms=round(ending.dead, 2), leader_ms=round(ending.leader, 2),
                    answer_ms=round(ending.answer, 2), survivors=len(ending.survivors))
        endings.append(ending)
        # The next starts on a machine that has nothing left to do.
        host.settle()
        ask("LiftRevocation", id=ending.revocation, reason="benchmark")
    survivors = sum(len(ending.survivors) for ending in endings)
    report.require(f"processes alive after the last was told dead ({name})", str(survivors), "0", survivors == 0)
    return endings


def revocation(report, programs, host, rounds, large, large_rounds):
    shutil.copy(programs.path("crowd"), CROWD)
    pathlib.Path(CROWD).chmod(0o755)
    few = measure(report, host, "10 processes", 10, rounds)
    dead = [ending.dead for ending in few]
    middle, high = percentile(dead, 0.5), percentile(dead, 0.99)
    report.hold("revoke to the last process dead, 10 processes: p50", f"{middle:.1f} ms", "≤ 20 ms", middle <= 20)
    report.hold(f"the same: p99 of {rounds}", f"{high:.1f} ms", "≤ 100 ms", high <= 100)
    leaders = [max(ending.dead, ending.leader) for ending in few]
    report.note("the same with sshd's monitor dead too: p50, p99",
                f"{percentile(leaders, 0.5):.1f}, {percentile(leaders, 0.99):.1f} ms")
    many = measure(report, host, f"{large} processes", large, large_rounds)
    slowest = max(ending.dead for ending in many)
    report.hold(f"revoke to the last process dead, {large:,} processes: slowest of {large_rounds}",
                f"{slowest / 1000:.2f} s", "≤ 2 s", slowest <= 2000)
